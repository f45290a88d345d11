package projectors

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// figureKey identifies a figure of an owner: a metric, or one of its windows.
type figureKey struct {
	number int16 // see [domain.FigureNumber], plus [domain.FigureOfWindow] for a window
	window string
}

// undated is a figure without a day: a stock, a counter, or a window that does not end on a day.
type undated struct {
	figureKey
	value  int64
	source string
}

// dated is a figure that the platform labels with a day.
type dated struct {
	undated
	day int32
}

// figureOwner is the owner of readings. Its ids are hashes, so that a build and the live fold agree.
type figureOwner struct {
	id, series int64
	accountSeries
	client   string
	member   int64
	platform domain.Platform
}

func ownerOf(t domain.Tenant, p domain.Platform) figureOwner {
	key := accountSeries{t.SocialAccount, t.ParentAccount}
	o := figureOwner{accountSeries: key, series: key.id(), client: t.AccountID, member: t.MemberID, platform: p}
	o.id = hashOf(key.parent, strconv.FormatInt(key.account, 10), o.client, strconv.FormatInt(o.member, 10),
		strconv.Itoa(int(p)))
	return o
}

func (a accountSeries) id() int64 { return hashOf(a.parent, strconv.FormatInt(a.account, 10)) }

func hashOf(parts ...string) int64 {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// accountReading is a reading in the form of the tables.
type accountReading struct {
	figureOwner

	at           time.Time
	id           string // see [packedID]
	accountType  domain.AccountType
	backfilled   bool
	steps        []undated // stocks and counters of the declared kind
	windows      []undated
	days         []dated
	columns      []*int64 // in the order of [domain.AccountFigures]
	metrics      []string // that have a figure of any kind
	missing      []byte   // JSON; nil: nothing
	others       []byte   // JSON; nil: none
	demographics []byte   // JSON; nil: none
}

// compare orders readings by capture time and event id.
func (a *accountReading) compare(o *accountReading) int {
	return cmp.Or(a.at.Compare(o.at), cmp.Compare(a.id, o.id))
}

// packedID returns the 16 bytes of a UUID in canonical form, and 0 and the text of another id.
// Packed ids are ordered like their texts if all of them are UUIDs, or none.
func packedID(id string) string {
	if parsed, err := uuid.Parse(id); err == nil && parsed.String() == id {
		return string(parsed[:])
	}
	return "\x00" + id
}

type declaredKey struct {
	domain.Platform
	domain.AccountType
	metric string
}

// declaredSources contains results of [domain.Platform.AccountSource], which searches lists.
var declaredSources = func() map[declaredKey]domain.FigureSource {
	declared := map[declaredKey]domain.FigureSource{}
	for _, p := range domain.Platforms() {
		for _, kind := range p.Facts().Kinds {
			for _, metric := range domain.AccountFigures() {
				declared[declaredKey{p, kind.Type, metric}] = p.AccountSource(kind.Type, metric)
			}
		}
	}
	return declared
}()

func declaredSource(p domain.Platform, t domain.AccountType, metric string) domain.FigureSource {
	if declared, ok := declaredSources[declaredKey{p, t, metric}]; ok {
		return declared
	}
	return p.AccountSource(t, metric) // the type is unknown, or the metric
}

// newAccountReading sorts the figures of a reading. A metric has one figure of its declared kind:
// that of the last day, then of the first source by name. A window has one for each day.
func newAccountReading(read domain.AccountRead, eventID string) (*accountReading, error) {
	r := &accountReading{
		figureOwner: ownerOf(read.Tenant, read.Platform), at: read.CapturedAt, id: packedID(eventID),
		accountType: read.AccountType, backfilled: read.Backfilled, columns: make([]*int64, len(figureColumns)),
	}
	figures := slices.SortedStableFunc(slices.Values(read.Figures), func(a, b domain.Figure) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(b.Day, a.Day), cmp.Compare(a.Source, b.Source),
			cmp.Compare(a.Window, b.Window), cmp.Compare(a.Value, b.Value))
	})
	var others []domain.Figure
	for i, figure := range figures {
		if i == 0 || figure.Name != figures[i-1].Name {
			r.metrics = append(r.metrics, figure.Name)
		}
		if r.place(figure) {
			others = append(others, figure)
		}
	}
	var err error
	for _, list := range []struct {
		to    *[]byte
		value any
		empty bool
	}{
		{&r.missing, read.Missing, len(read.Missing) == 0},
		{&r.others, others, len(others) == 0},
		{&r.demographics, read.Demographics, len(read.Demographics) == 0},
	} {
		if list.empty {
			continue
		}
		if *list.to, err = json.Marshal(list.value); err != nil {
			return nil, fmt.Errorf("encode list: %w", err)
		}
	}
	return r, nil
}

// place adds a figure to the lists and columns. It reports whether the reading does not follow from
// them and the declared sources.
func (a *accountReading) place(f domain.Figure) (isOther bool) {
	number, declared := domain.FigureNumber(f.Name), declaredSource(a.platform, a.accountType, f.Name)
	if number == 0 {
		return true
	}
	placed := undated{figureKey{number, f.Window}, f.Value, f.Source}
	day, _ := time.Parse(time.DateOnly, f.Day) // checked by Validate
	if f.Kind == domain.Rolling {
		placed.number += domain.FigureOfWindow
	} else if f.Kind != declared.Kind {
		return true
	}
	if column := &a.columns[number-1]; f.Kind == declared.Kind && *column == nil {
		*column = &f.Value
		if f.Kind.HasSteps() {
			placed.window = ""
			a.steps = append(a.steps, placed)
			return f.Source != declared.Source
		}
	}
	switch {
	case f.Kind.HasSteps(): // a second figure of the metric
	case f.Day != "":
		if !slices.ContainsFunc(a.days, func(d dated) bool { return d.figureKey == placed.figureKey && d.day == dayNumber(day) }) {
			a.days = append(a.days, dated{placed, dayNumber(day)})
		}
	case !slices.ContainsFunc(a.windows, func(w undated) bool { return w.figureKey == placed.figureKey }):
		a.windows = append(a.windows, placed)
	}
	return false
}

// setSteps sets the steps of a stored reading from its columns.
func (a *accountReading) setSteps(others []domain.Figure) {
	for i, value := range a.columns {
		declared := declaredSource(a.platform, a.accountType, figureColumns[i])
		if value == nil || !declared.Kind.HasSteps() {
			continue
		}
		step := undated{figureKey{int16(i + 1), ""}, *value, declared.Source}
		for _, other := range others {
			if other.Name == figureColumns[i] && other.Kind == declared.Kind {
				step.source = other.Source
			}
		}
		a.steps = append(a.steps, step)
	}
}

// steppedFigures returns the numbers of the metrics of a platform that have steps.
var steppedFigures = func() map[domain.Platform][]int16 {
	all := map[domain.Platform][]int16{}
	for _, p := range domain.Platforms() {
		for _, metric := range figureColumns {
			if p.AccountSource(0, metric).Kind.HasSteps() {
				all[p] = append(all[p], domain.FigureNumber(metric))
			}
		}
	}
	return all
}()

var figureColumns = domain.AccountFigures()

const (
	secondsOfDay     = 24 * 60 * 60
	secondsOfQuarter = int64(domain.GainQuarter / time.Second)
)

// dayNumber returns the UTC day of an instant, counted from 1970-01-01.
func dayNumber(at time.Time) int32 { return int32(floorDiv(at.Unix(), secondsOfDay)) }

func dayAt(day int32) time.Time { return time.Unix(int64(day)*secondsOfDay, 0).UTC() }

// quarterNumber returns the quarter hour of an instant, counted from 1970-01-01.
func quarterNumber(at time.Time) int64 { return floorDiv(at.Unix(), secondsOfQuarter) }

func quarterAt(quarter int64) time.Time { return time.Unix(quarter*secondsOfQuarter, 0).UTC() }

func floorDiv(a, b int64) int64 {
	if q := a / b; a%b >= 0 {
		return q
	}
	return a/b - 1
}
