package api

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// maxText is the longest text that is searched for, in bytes.
const maxText = 200

// text reads an optional text.
func (p *Params) text(name, about string) string {
	p.note(name, about, schema{Type: typeString})
	value, _ := p.value(name)
	if len(value) > maxText || !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
		p.bad.addf(name, "is not a text of at most %d bytes", maxText)
		return ""
	}
	return value
}

// optionalBool reads true or false; nil when it is absent.
func (p *Params) optionalBool(name, about string) *bool {
	switch p.oneOf(name, about, []any{"true", "false"}) {
	case "true":
		return new(true)
	case "false":
		return new(false)
	default:
		return nil
	}
}

// optionalID reads an id of a member or social account; 0 when it is absent.
func (p *Params) optionalID(name, about string) int64 {
	p.note(name, about, schema{Type: typeInteger, Minimum: new(1)})
	value, present := p.value(name)
	number, ok := plainNumber(value)
	if present && (!ok || number == 0) {
		p.bad.addf(name, "is not an id: use a positive integer")
	}
	return number
}

// oneOf reads one of some words; "" when it is absent.
func (p *Params) oneOf(name, about string, words []any) string {
	p.note(name, about, schema{Type: typeString, Enum: words})
	value, present := p.value(name)
	if present && !slices.Contains(words, any(value)) {
		names := make([]string, len(words))
		for i, word := range words {
			names[i], _ = word.(string)
		}
		p.bad.addf(name, "is none of %s", strings.Join(names, ", "))
		return ""
	}
	return value
}
