//go:build e2e

package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// chaosSums are what readings gained: of each figure the sum, and of how many readings it is known.
type chaosSums struct {
	last     *chaosRecord // of the readings
	step     map[string]any
	readings int64
	sum, n   map[string]int64
	partial  int64
}

type chaosOwner struct {
	account, member, platform int64
	parent, sub, place        string // place: the post and day, or the quarter of an hour
}

// foldSteps demands tSPostInsights, post_daily, post_months and post_gains: of each figure a reading gained the difference to the last
// one before it that has the figure, or all of it where there is none and its event says that it began at zero.
func foldSteps(series map[chaosInstant][]*chaosRecord, rows chaosRows) {
	days, quarters := map[chaosOwner]*chaosSums{}, map[chaosOwner]*chaosSums{}
	for _, readings := range series {
		readings = slices.SortedFunc(slices.Values(readings), func(a, b *chaosRecord) int {
			return a.reading.CapturedAt.Compare(b.reading.CapturedAt)
		})
		var previous any
		known := map[string]*int64{}
		for _, r := range readings {
			e := r.reading
			gained, step := chaosStep(known, e)
			row := chaosReadingRow(r)
			maps.Copy(row, step)
			for _, name := range chaosStepFigures {
				row["g"+name] = nil
				if v := gained[name]; v != nil {
					row["g"+name] = *v
				}
			}
			row["backfilled"], row["growth_eligible"], row["from_zero"], row["previous_at"] = e.Backfilled, e.GrowthEligible, e.FromZero, previous
			rows.add("tspostinsights", r, row)
			previous = e.CapturedAt
			at := e.CapturedAt.UTC()
			owner := chaosOwner{account: e.SocialAccount, member: e.MemberID, parent: e.ParentAccount, sub: e.AccountID}
			owner.place = e.ExternalID + " " + at.Format(time.DateOnly)
			chaosAt(days, owner).count(r, step, gained)
			owner.platform, owner.place = e.Platform, at.Truncate(15*time.Minute).Format(time.RFC3339Nano)
			chaosAt(quarters, owner).count(r, step, gained)
		}
	}
	for _, d := range days {
		row := chaosReadingRow(d.last)
		maps.Copy(row, d.step)
		row["day"], row["readings"] = chaosDay(d.last.reading.CapturedAt.UTC().Format(time.DateOnly)), d.readings
		row["gpartial"] = d.partial > 0
		for _, name := range chaosStepFigures {
			row["g"+name] = nil
			if d.n[name] > 0 {
				row["g"+name] = d.sum[name]
			}
		}
		rows.add("post_daily", d.last, row)
	}
	foldPostMonths(days, rows)
	for owner, q := range quarters {
		quarter, _ := time.Parse(time.RFC3339Nano, owner.place)
		row := map[string]any{
			"social_account_id": owner.account, "quarter": quarter, "parent_account": owner.parent, "account_id": owner.sub,
			"member_id": owner.member, "p_id": owner.platform, "last_at": q.last.reading.CapturedAt, "readings": q.readings, "partial_n": q.partial,
		}
		for _, name := range []string{"likes", "comments", "shares", "views", "engagement"} {
			row[name], row[name+"_n"] = q.sum[name], q.n[name]
		}
		rows.add("post_gains", q.last, row)
	}
}

// foldPostMonths demands post_months: of each day what was gained from the first of its month to its end, and whether a
// gain of the day itself is known.
func foldPostMonths(days map[chaosOwner]*chaosSums, rows chaosRows) {
	months := map[chaosOwner][]*chaosSums{}
	for _, owner := range slices.SortedFunc(maps.Keys(days), func(a, b chaosOwner) int { return strings.Compare(a.place, b.place) }) {
		month := owner
		month.place = owner.place[:len(owner.place)-len("-31")]
		months[month] = append(months[month], days[owner])
	}
	for owner, list := range months {
		last := list[len(list)-1].last
		row := map[string]any{
			"social_account_id": owner.account, "external_id": last.reading.ExternalID, "parent_account": owner.parent,
			"account_id": owner.sub, "member_id": owner.member, "p_id": last.reading.Platform,
			"month": chaosDay(owner.place[len(owner.place)-len("2026-01"):] + "-01"),
		}
		var numbers []any
		for _, d := range list {
			numbers = append(numbers, d.last.reading.CapturedAt.UTC().Day())
		}
		row["days"] = numbers
		var sums []any
		sum, bits := map[string]int64{}, map[string]int64{"partial": 0}
		for i, d := range list {
			bit := int64(1) << (numbers[i].(int) - 1)
			for _, name := range chaosStepFigures {
				sum[name] += d.sum[name]
				sums = append(sums, sum[name])
				bits[name] |= min(d.n[name], 1) * bit
			}
			bits["partial"] |= min(d.partial, 1) * bit
		}
		row["gained"] = sums
		for name, days := range bits {
			row[name+"_days"] = days
		}
		rows.add("post_months", last, row)
	}
}

var chaosStepFigures = []string{"likes", "comments", "shares", "views", "impressions", "clicks", "saves"}

// chaosStep is what a reading gained of each figure, and the columns that say what was known before of those that it
// lacks. It notes what the reading says.
func chaosStep(known map[string]*int64, e *chaosReading) (gained map[string]*int64, step map[string]any) {
	gained, step = map[string]*int64{}, map[string]any{}
	for i, now := range []*int64{e.Likes, e.Comments, e.Shares, e.Views, e.Impressions, e.Clicks, e.Saves} {
		name := chaosStepFigures[i]
		step["known_"+name] = nil
		switch before := known[name]; {
		case now == nil && before != nil:
			step["known_"+name] = *before
		case now == nil:
		case before != nil:
			gained[name] = new(*now - *before)
		case e.FromZero:
			gained[name] = now
		}
		if now != nil {
			known[name] = now
		}
	}
	return gained, step
}

func chaosAt(sums map[chaosOwner]*chaosSums, owner chaosOwner) *chaosSums {
	if sums[owner] == nil {
		sums[owner] = &chaosSums{sum: map[string]int64{}, n: map[string]int64{}}
	}
	return sums[owner]
}

func (s *chaosSums) count(r *chaosRecord, step map[string]any, gained map[string]*int64) {
	if s.last == nil || r.reading.CapturedAt.After(s.last.reading.CapturedAt) {
		s.last, s.step = r, step
	}
	s.readings++
	parts := 0
	for name, v := range gained {
		s.sum[name] += *v
		s.n[name]++
		if name == "likes" || name == "comments" || name == "shares" {
			s.sum["engagement"] += *v
			parts++
		}
	}
	if parts > 0 {
		s.n["engagement"]++
	}
	if parts == 1 || parts == 2 {
		s.partial++
	}
}
