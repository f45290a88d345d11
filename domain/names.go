package domain

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible reports whether a text shows anything: a letter, digit, punctuation mark or symbol.
// Spaces, zero-width characters, fillers and combining marks without a base show nothing. A name
// that is not visible is refused when it is sent, and pages show the id instead.
func Visible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && !unicode.Is(blank, r) &&
			!unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
}

// blank contains letters and symbols without a glyph that Unicode does not call ignorable: the
// empty Braille pattern, the replacement of an object, and the empty note head.
var blank = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0xFFFC, Hi: 0xFFFC, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x1D159, Hi: 0x1D159, Stride: 1}},
}

// turns reports whether r is an embedding, override or isolate, which changes the direction of the
// text after it: a name with it could rewrite the sentence in which it is shown. The marks U+200E,
// U+200F and U+061C are part of the ordinary spelling of names and affect only their neighbors.
func turns(r rune) bool { return 0x202A <= r && r <= 0x202E || 0x2066 <= r && r <= 0x2069 }

// CheckDirection returns an error if a text contains a control character for text direction.
func CheckDirection(text string) error {
	if strings.ContainsFunc(text, turns) {
		return errors.New(
			"contains a control character for text direction (U+202A to U+202E, U+2066 to U+2069); remove it")
	}
	return nil
}

// CheckName returns an error if a name cannot be shown in a sentence: it is not one line of valid
// UTF-8, shows nothing, or contains a control character for text direction.
func CheckName(name string) error {
	switch {
	case !utf8.ValidString(name) || strings.ContainsFunc(name, breaks):
		return errors.New("must be one line")
	case CheckDirection(name) != nil:
		return CheckDirection(name)
	case !Visible(name):
		return errors.New("has no visible character; send a text with a letter, digit or symbol")
	}
	return nil
}

func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// PlainName returns a name from a platform, which cannot be refused, without control characters;
// "" if it shows nothing.
func PlainName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case turns(r):
			return -1
		case breaks(r):
			return ' '
		}
		return r
	}, name))
	if !Visible(name) {
		return ""
	}
	return name
}
