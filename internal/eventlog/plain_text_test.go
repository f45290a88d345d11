package eventlog

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each byte in each place of texts of all lengths around words of eight, also beside another odd one: none is left to chance.
func TestPlainTextIsPrintableASCII(t *testing.T) {
	t.Parallel()
	require.False(t, plainText(""))
	for length := range 26 {
		for at := range length {
			for b := range 256 {
				for _, beside := range []byte{' ', '~', 0x1f, 0x7f, 0x80, 0xff} {
					text := bytes.Repeat([]byte{beside}, length)
					text[at] = byte(b)
					odd := bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
					if plainText(text) == odd || plainText(string(text)) == odd {
						t.Fatalf("% x: odd is %t", text, odd)
					}
				}
			}
		}
	}
}
