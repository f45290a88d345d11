package readmodels

import "strings"

// ByName is the order of lists of names: Unicode's, where ä stands beside a and Zoo after apple. It
// is named in every statement, because the order of the database's locale differs between servers.
// Texts that it does not distinguish are in byte order, so that a cursor has one place.
const ByName = `collate "und-x-icu"`

// Named returns the condition that a text contains what a caller searches, given as the pattern of
// [Containing]. Upper and lower case are alike in every script, also ß and SS, the two lower-case
// forms of Σ, and the four letters i of Turkish; so are the composed and the decomposed form of a
// letter with an accent. A letter without an accent is another letter.
func Named(text, pattern string) string { return folded(text) + " like " + folded(pattern) }

// Same returns the condition that two texts differ only in what [Named] ignores.
func Same(a, b string) string { return folded(a) + " = " + folded(b) }

func folded(text string) string {
	return `normalize(replace(upper(normalize(` + text + `, NFC) ` + ByName + `), 'İ', 'I'), NFC)`
}

// SameAddress returns the condition that two texts are one email address: case and normal form do
// not count. Letters that only look alike stay different, because an address identifies a person.
// That includes the three signs whose normal form is in ASCII (the Kelvin sign, the Greek question
// mark and varia): mail programs tell them from K, ; and `.
func SameAddress(a, b string) string {
	address := func(text string) string {
		return "lower(normalize(translate(" + text + ", '\u212A\u037E\u1FEF', '\uE000\uE001\uE002'), NFC) " + ByName + ")"
	}
	return address(a) + " = " + address(b)
}

// Containing returns the LIKE pattern that matches strings that contain text; "" for "".
func Containing(text string) string {
	if text == "" {
		return ""
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}
