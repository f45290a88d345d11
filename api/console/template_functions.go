package console

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"github.com/ledgerboard/ledgerboard/api/console/chart"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/operator"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
	"github.com/ledgerboard/ledgerboard/readmodels/history"
)

var words = template.FuncMap{
	"asset":      func(name string) string { return assetPaths[name] },
	"join":       func(list []string) string { return strings.Join(list, ", ") },
	"rfc3339":    rfc3339,
	"day":        func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	"instant":    instant,
	"number":     func(n any) string { return chart.Number(whole(n)) },
	"signed":     func(n *int64) string { return known(n, chart.Signed) },
	"figure":     func(n *int64) string { return known(n, chart.Number) },
	"percent":    percent,
	"bytes":      func(n any) string { return size(whole(n)) },
	"seconds":    formatSeconds,
	"capital":    capital,
	"plain":      plain,
	"reason":     operator.ReasonWords,
	"counted":    func(n any, one, many string) string { return counted(whole(n), one, many) },
	"scopes":     func(ids []string) string { return strings.Join(scopeNames(ids), ", ") },
	"network":    network,
	"status":     statusWords,
	"personal":   personal,
	"window":     window,
	"ofDay":      ofDay,
	"letter":     letter,
	"foreign":    foreign,
	"picture":    pictureOf,
	"direction":  func(n int64) string { return map[bool]string{true: "down", false: "up"}[n < 0] },
	"draw":       chart.Chart.Figure,
	"sparkline":  chart.Sparkline,
	"atPlatform": atPlatform,
	"linked": func(s history.DashboardState) []history.Named {
		return slices.DeleteFunc(slices.Clone(s.SubAccountIDs), func(n history.Named) bool {
			return n.ID == s.SubAccountID
		})
	},
	"sorted": func(list []history.Named) []history.Named {
		return slices.SortedStableFunc(slices.Values(list), byName)
	},
	"list": func(entries ...string) []string { return entries },
}

const unknown = "–"

func known(n *int64, write func(int64) string) string {
	if n == nil {
		return unknown
	}
	return write(*n)
}

func whole(n any) int64 {
	v := reflect.Indirect(reflect.ValueOf(n))
	if v.CanFloat() {
		return int64(math.Round(v.Float()))
	}
	return v.Int()
}

// percent formats the change in percent, which the API has already rounded. It returns "" if the
// change is unknown.
func percent(t analytics.Total) string {
	switch {
	case t.ChangePct == nil:
		return ""
	case *t.ChangePct == 0: // including -0
		return "0.00\u00a0%"
	default:
		return strings.Replace(fmt.Sprintf("%+.2f\u00a0%%", *t.ChangePct), "-", "−", 1)
	}
}

// atPlatform returns the address of a post on its platform, or "" if it is not an https address.
func atPlatform(permalink *string) string {
	if permalink == nil || !strings.HasPrefix(*permalink, "https://") {
		return ""
	}
	return *permalink
}

func size(n int64) string {
	const step = 1024
	v, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	i := 0
	for ; v >= step && i < len(units)-1; i++ {
		v /= step
	}
	if i == 0 || v >= 100 {
		return fmt.Sprintf("%.0f %s", v, units[i])
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}

func formatSeconds(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < time.Second:
		return "less than a second"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
}

// letter returns what stands for a person next to the name: its first grapheme.
func letter(name string) string {
	graphemes := uniseg.NewGraphemes(domain.PlainName(name))
	graphemes.Next()
	return cmp.Or(strings.ToUpper(graphemes.Str()), "?")
}

// Unicode's first strong isolate and its end. A text between them has its own direction and does
// not reorder the sentence around it. Pages show them as the element bdi, see [asElements].
const isolate, endIsolate = "\u2068", "\u2069"

// foreign returns a text that people or platforms wrote, isolated from our text around it. If it
// shows nothing, foreign returns the alternative, usually an id.
func foreign(text any, alternative ...any) string {
	if v := reflect.Indirect(reflect.ValueOf(text)); v.Kind() == reflect.String {
		if shown := domain.PlainName(v.String()); shown != "" {
			return isolate + shown + endIsolate
		}
	}
	return fmt.Sprint(alternative...)
}

func network(name string) string {
	if p := domain.PlatformNamed(name); p != 0 {
		return p.Title()
	}
	return capital(name)
}

// personal reports whether an id belongs to a person. System actors have names instead of ids.
func personal(id string) bool {
	_, ok := domain.HexID(id)
	return ok
}

func window(name string) string {
	if days, found := strings.CutPrefix(name, "days_"); found {
		return days + " days"
	}
	if months, found := strings.CutPrefix(name, "months_"); found {
		return months + " months"
	}
	return plain(name)
}

func ofDay(day string) string {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return at.Format("2 Jan 2006")
}

func capital(text string) string {
	first, n := utf8.DecodeRuneInString(text)
	if n == 0 {
		return text
	}
	return string(unicode.ToUpper(first)) + text[n:]
}

// plain formats an identifier such as catching_up or rebuild.requested as words.
func plain(name any) string { return strings.NewReplacer("_", " ", ".", " ").Replace(fmt.Sprint(name)) }

func counted[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return chart.Number(int64(n)) + " " + many
}

func instant(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05 UTC") }

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
