package platforms

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

const (
	redacted   = "[redacted]"
	maxMessage = 300 // characters of a platform's message that are kept
)

// tokenLike finds runs that could be a token; [looksSecret] decides.
var tokenLike = regexp.MustCompile(`[A-Za-z0-9_|.!~%-]{20,}`)

// scrub makes a platform's words safe to keep: Meta repeats a malformed token in its message. The
// secrets of the call go wherever they stand, and so does whatever looks like a token.
func scrub(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		text = strings.ReplaceAll(text, secret, redacted)
		text = strings.ReplaceAll(text, url.QueryEscape(secret), redacted)
	}
	text = tokenLike.ReplaceAllStringFunc(text, func(run string) string {
		if looksSecret(run) {
			return redacted
		}
		return run
	})
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxMessage {
		text = string(runes[:maxMessage]) + "…"
	}
	return text
}

// codeLike is what a platform's code looks like; a sentence in its place may name people.
var codeLike = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// cleanCode is a code, or that there was something else in its place.
func cleanCode(code string) string {
	if code == "" || code == redacted || codeLike.MatchString(code) {
		return code
	}
	return "unreadable"
}

// looksSecret: metric names are lower case, ids are digits; tokens mix digits with capitals.
func looksSecret(run string) bool {
	return strings.ContainsFunc(run, unicode.IsUpper) && strings.ContainsFunc(run, unicode.IsDigit)
}

func mask(secret string) string {
	if secret == "" {
		return "none"
	}
	return redacted
}
