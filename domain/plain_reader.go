package domain

import (
	"strings"
	"time"
)

// plainReader reads JSON of printable ASCII without escapes, from its beginning to its end. Texts are parts of the one string, lists parts
// of the one slice. After a failure everything is empty. Made by [newPlainReader].
type plainReader struct {
	all    string
	at     int // where all is read up to; a number and no shorter text, which the garbage collector would have to note
	texts  []string
	failed bool
}

func newPlainReader(raw []byte) plainReader {
	p := plainReader{all: string(raw)}
	if !PlainText(p.all) || strings.IndexByte(p.all, '\\') >= 0 {
		p.fail()
	}
	return p
}

// PlainText is true for printable ASCII, at least one letter of it. It looks at eight at a time: headers and payloads come by the million.
func PlainText[T ~string | ~[]byte](text T) bool {
	const (
		each = 0x0101010101010101
		high = 0x80 * each
	)
	var odd uint64 // its high bits: of each place of a word, whether something odd was there
	rest := text
	for ; len(rest) >= 8; rest = rest[8:] {
		w := uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56
		odd |= (w-' '*each)&^w | // below ' ', or behind such a one
			w | (w + each) // above '~'
	}
	for i := range len(rest) {
		if c := rest[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return odd&high == 0 && len(text) > 0
}

// has skips what comes next if it is this.
func (p *plainReader) has(next string) bool {
	if !strings.HasPrefix(p.all[p.at:], next) {
		return false
	}
	p.at += len(next)
	return true
}

// skip skips what must come next.
func (p *plainReader) skip(next string) {
	if !p.has(next) {
		p.fail()
	}
}

// text reads a text.
func (p *plainReader) text() string {
	p.skip(`"`)
	rest := p.all[p.at:]
	end := strings.IndexByte(rest, '"')
	if end < 0 {
		p.fail()
		return ""
	}
	p.at += end + 1
	return rest[:end]
}

// fail makes the reading a failure.
func (p *plainReader) fail() { p.failed, p.at = true, len(p.all) }

// ended tells whether all was read, and nothing else is there.
func (p *plainReader) ended() bool { return !p.failed && p.at == len(p.all) }

// truth reads true or false.
func (p *plainReader) truth() bool {
	if p.has(`true`) {
		return true
	}
	p.skip(`false`)
	return false
}

// plainDigits is how many digits a number may have: all of so many fit.
const plainDigits = 18

// number reads an integer without exponent.
func (p *plainReader) number() (n int64) {
	negative := p.has(`-`)
	from := p.at
	for p.at < len(p.all) && p.all[p.at]-'0' <= 9 && p.at-from <= plainDigits {
		n = n*10 + int64(p.all[p.at]-'0')
		p.at++
	}
	if digits := p.at - from; digits == 0 || digits > plainDigits || digits > 1 && p.all[from] == '0' {
		p.fail()
		return 0
	}
	if negative {
		return -n
	}
	return n
}

// time reads an instant in UTC.
func (p *plainReader) time() time.Time {
	at, plain := PlainTime(p.text())
	if !plain {
		p.fail()
	}
	return at
}

// PlainTime reads "2006-01-02T15:04:05Z", with a fraction of up to nine digits or without. It says yes only where package time
// reads the same.
func PlainTime(text string) (at time.Time, plain bool) {
	const whole = len("2006-01-02T15:04:05")
	if len(text) <= whole || text[len(text)-1] != 'Z' || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return at, false
	}
	nanos, fraction := 0, text[whole:len(text)-1]
	if fraction != "" {
		if fraction[0] != '.' || len(fraction) == 1 || len(fraction) > 10 {
			return at, false
		}
		nanos = plainNumber(fraction[1:])
		for range 10 - len(fraction) {
			nanos *= 10
		}
	}
	year, month, day := plainNumber(text[:4]), plainNumber(text[5:7]), plainNumber(text[8:10])
	hour, minute, second := plainNumber(text[11:13]), plainNumber(text[14:16]), plainNumber(text[17:whole])
	if min(year, month-1, day, hour, minute, second, nanos) < 0 || month > 12 || hour > 23 || minute > 59 || second > 59 {
		return at, false
	}
	at = time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	return at, at.Day() == day // 0 and 31 may be days of another month
}

// plainNumber reads digits; what is none makes the number negative.
func plainNumber(text string) (n int) {
	for i := range len(text) {
		digit := int(text[i]) - '0'
		if digit < 0 || digit > 9 {
			return -1
		}
		n = n*10 + digit
	}
	return n
}

// list reads a list of texts.
func (p *plainReader) list() []string {
	from := len(p.texts)
	p.skip(`[`)
	for more := !p.has(`]`); more && !p.failed; more = p.more(`]`) {
		p.texts = append(p.texts, p.text())
	}
	return p.texts[from:len(p.texts):len(p.texts)]
}

// plainList reads a list.
func plainList[V any](p *plainReader, room int, value func() V) []V {
	list := make([]V, 0, room)
	p.skip(`[`)
	for more := !p.has(`]`); more && !p.failed; more = p.more(`]`) {
		list = append(list, value())
	}
	return list
}

// more skips a comma, or else what must end the list.
func (p *plainReader) more(end string) bool {
	if p.has(`,`) {
		return true
	}
	p.skip(end)
	return false
}

// plainMap reads an object; of equal keys the last one counts, as in encoding/json.
func plainMap[V any](p *plainReader, value func() V) map[string]V {
	m := map[string]V{}
	p.skip(`{`)
	for more := !p.has(`}`); more && !p.failed; more = p.more(`}`) {
		key := p.text()
		p.skip(`:`)
		m[key] = value()
	}
	return m
}
