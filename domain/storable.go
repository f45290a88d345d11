package domain

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxIndexed bounds, in bytes, each text that a read model indexes. PostgreSQL refuses an index entry
// above some 2,700 bytes, at every try alike: one record with a longer id would hold up its partition
// for ever. LinkedIn's URNs, the longest ids seen, stay below 100.
const maxIndexed = 255

func checkLengths(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxIndexed {
			return fmt.Errorf("%.20q… has %d bytes, at most %d fit", text, len(text), maxIndexed)
		}
	}
	return nil
}

var colourForm = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// checkColour takes no other form: a page writes the colour into its markup.
func checkColour(colour string) error {
	if colour == "" || colourForm.MatchString(colour) {
		return nil
	}
	return fmt.Errorf("colour %.20q is not # and six hexadecimal digits; write it like #17587f, or leave it out", colour)
}

// Storable makes any bytes a text that PostgreSQL takes: valid UTF-8 without NUL, of at most so many bytes,
// cut between two characters. What cannot be stored of it is shown as U+FFFD.
func Storable(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// maxSmall is the largest number that the read models' smallint columns take; a larger one would
// come out as another number, not as an error.
const maxSmall = 1<<15 - 1

func checkAccountType(t AccountType) error { return checkSmall("a_type", int(t)) }

func checkPlatform(p Platform) error { return checkSmall("p_id", int(p)) }

func checkSmall(name string, n int) error {
	if n < 0 || n > maxSmall {
		return fmt.Errorf("%s %d is none", name, n)
	}
	return nil
}
