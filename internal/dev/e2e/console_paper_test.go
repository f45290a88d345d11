//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// paper is a size in points: 72 to the inch.
type paper struct {
	name          string
	width, height float64
}

var papers = []paper{{"A4", 595.3, 841.9}, {"Letter", 612, 792}}

// sheet is a printed page: its words, and where they are.
type sheet struct {
	Width  float64 `xml:"width,attr"`
	Height float64 `xml:"height,attr"`
	Words  []struct {
		Left   float64 `xml:"xMin,attr"`
		Right  float64 `xml:"xMax,attr"`
		Top    float64 `xml:"yMin,attr"`
		Bottom float64 `xml:"yMax,attr"`
		Text   string  `xml:",chardata"`
	} `xml:"word"`
}

// forPaper lists the texts of the open page that paper must have, also those behind a closed summary.
// Controls are left out, charts with their tables, and hidden texts.
const forPaper = `(() => {
	const controls = "form.row, button, .button, .file, .behind, nav, svg, .hidden, #again, p#live, script, option";
	const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
	const texts = [];
	while (walk.nextNode()) {
		const at = walk.currentNode.parentElement;
		if (at.closest(controls) || at.matches(".mark")) continue; // a note has what a mark has
		if (!at.checkVisibility() && !at.closest("details:not([open])")) continue;
		texts.push(walk.currentNode.data);
	}
	return texts;
})()`

// requirePaper prints the open page, and requires that each of its texts is on the paper, inside the
// edges, and as often as on the screen. It returns the number of sheets.
func (w *consoleWindow) requirePaper(of paper) (sheets int) {
	t := w.t
	t.Helper()
	var texts []string
	var pdf []byte
	for before := []string{""}; !slices.Equal(before, texts); { // pages refresh themselves
		w.eval(forPaper, &before)
		pdf = w.print(of)
		w.eval(forPaper, &texts)
	}
	file := filepath.Join(t.TempDir(), "printed.pdf")
	require.NoError(t, os.WriteFile(file, pdf, 0o600))
	if directory := os.Getenv("LEDGERBOARD_E2E_PICTURES"); directory != "" {
		require.NoError(t, os.WriteFile(filepath.Join(directory, "paper-"+w.kind()+"-"+of.name+".pdf"), pdf, 0o600))
	}
	printed := sheetsOf(t, file)
	require.NotEmpty(t, printed)
	for n, s := range printed {
		const within = 2 // points
		require.InDelta(t, of.width, s.Width, within)
		require.InDelta(t, of.height, s.Height, within)
		for _, word := range s.Words {
			if word.Left < 0 || word.Right > s.Width || word.Top < 0 || word.Bottom > s.Height {
				t.Errorf("%s on %s, sheet %d: %q is cut off", w.at(), of.name, n+1, word.Text)
			}
		}
	}
	raw, err := exec.Command("pdftotext", "-raw", "-enc", "UTF-8", file, "-").Output()
	require.NoError(t, err)
	onPaper, wanted := letters(string(raw)), map[string]int{}
	for _, text := range texts {
		if text = letters(text); text != "" {
			wanted[text]++
		}
	}
	for text, times := range wanted {
		if found := strings.Count(onPaper, text); found < times {
			t.Errorf("%s on %s: %d of %d times on paper: %q", w.at(), of.name, found, times, text)
		}
	}
	return len(printed)
}

// letters returns a text without spaces, which paper breaks lines at, and without invisible characters.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(text))
}

func (w *consoleWindow) print(on paper) []byte {
	const inch = 72
	var printed page.PrintToPDFResult
	require.NoError(w.t, chromedp.Do(w.ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		printed, err = cdp.Call(ctx, target, page.PrintToPDF, page.PrintToPDFParams{
			PreferCSSPageSize: new(true), PaperWidth: on.width / inch, PaperHeight: on.height / inch,
		})
		return err
	})))
	require.True(w.t, bytes.HasPrefix(printed.Data, []byte("%PDF-")))
	return printed.Data
}

func sheetsOf(t *testing.T, file string) []sheet {
	t.Helper()
	needs.Programs(t, "pdftotext")
	out, err := exec.Command("pdftotext", "-bbox", file, "-").Output()
	require.NoError(t, err)
	var document struct {
		Sheets []sheet `xml:"body>doc>page"`
	}
	decoder := xml.NewDecoder(bytes.NewReader(bytes.Map(func(r rune) rune { // XML knows no other control characters
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, out)))
	decoder.Entity, decoder.Strict = xml.HTMLEntity, false
	require.NoError(t, decoder.Decode(&document))
	return document.Sheets
}
