//go:build e2e

package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// The figures by their plain definitions over the set of all events, as if there were
// no batches, no neighbours and no order of arrival.

// each calls f with the records of a topic that lie before the vector.
func (l *chaosLog) each(topic string, until chaosVector, f func(*chaosRecord)) {
	for p, records := range l.topics[topic] {
		for _, r := range records[:until[p]] {
			f(r)
		}
	}
}

// chaosBefore: of two events that claim the same place, the later time wins, then the smaller event id.
func chaosBefore(at time.Time, id string, otherAt time.Time, otherID string) bool {
	if !at.Equal(otherAt) {
		return at.After(otherAt)
	}
	return id < otherID
}

// chaosInstant is where one reading counts: of one account or post, as one agency reads it.
type chaosInstant struct {
	account          int64
	parent, external string // external: "" for readings of accounts
	micros           int64
}

func (r *chaosRecord) instant() chaosInstant {
	return chaosInstant{r.reading.SocialAccount, r.reading.ParentAccount, r.reading.ExternalID, r.reading.CapturedAt.UnixMicro()}
}

// foldAccounts demands tSAccountIns, account_months, account_newest and account_erasures.
func (l *chaosLog) foldAccounts(until chaosVector, rows chaosRows) {
	winners := map[chaosInstant]*chaosRecord{}
	newest, began := map[chaosTenant]*chaosRecord{}, map[chaosTenant]*time.Time{}
	tracked, lastTracked := map[chaosTenant]*time.Time{}, map[chaosTenant]*time.Time{} // not counting back-fills
	type place struct {
		account, member                                  int64
		platform                                         int64
		parent, sub, metric, kind, month, source, window string
	}
	type daily struct {
		from   *chaosRecord
		figure chaosFigure
	}
	months := map[place]map[string]daily{} // by day of the month
	erased := l.figuresErased(until)
	erased.demand("account_erasures", rows)
	var readings []*chaosRecord
	l.each("metrics", until, func(r *chaosRecord) {
		if r.kind != "metrics.account_read.v1" || erased.covers(r.reading.chaosTenant, r.reading.CapturedAt) {
			return
		}
		readings = append(readings, r)
		if w, ok := winners[r.instant()]; !ok || r.id < w.id {
			winners[r.instant()] = r
		}
	})
	for _, r := range readings {
		tenant, captured := r.reading.chaosTenant, &r.reading.CapturedAt
		if !erased.any(tenant) || winners[r.instant()] == r { // what is stored nowhere counts only while nothing is erased
			if n, ok := newest[tenant]; !ok || chaosBefore(*captured, r.id, n.reading.CapturedAt, n.id) {
				newest[tenant] = r
			}
			if first := began[tenant]; first == nil || captured.Before(*first) {
				began[tenant] = captured
			}
			if since := tracked[tenant]; !r.reading.Backfilled && (since == nil || captured.Before(*since)) {
				tracked[tenant] = captured
			}
			if last := lastTracked[tenant]; !r.reading.Backfilled && (last == nil || captured.After(*last)) {
				lastTracked[tenant] = captured
			}
		}
		for _, f := range r.reading.Figures {
			day := f.Day
			if day == "" {
				day = r.reading.CapturedAt.UTC().Format(time.DateOnly)
			}
			at := place{
				r.reading.SocialAccount, r.reading.MemberID, r.reading.Platform, r.reading.ParentAccount, r.reading.AccountID,
				f.Name, f.Kind, day[:7] + "-01", f.Source, f.Window,
			}
			if months[at] == nil {
				months[at] = map[string]daily{}
			}
			if d, ok := months[at][day[8:]]; !ok || chaosBefore(r.reading.CapturedAt, r.id, d.from.reading.CapturedAt, d.from.id) {
				months[at][day[8:]] = daily{r, f}
			}
		}
	}
	for _, r := range winners {
		rows.add("tsaccountins", r, chaosAccountRow(r))
	}
	for tenant, r := range newest {
		whole, metrics := chaosAccountRow(r), []string{}
		for _, f := range r.reading.Figures {
			metrics = append(metrics, f.Name)
		}
		slices.Sort(metrics)
		rows.add("account_newest", r, map[string]any{
			"social_account_id": tenant.SocialAccount, "parent_account": tenant.ParentAccount, "account_id": tenant.AccountID,
			"member_id": tenant.MemberID, "captured_at": r.reading.CapturedAt, "event_id": r.id, "metrics": slices.Compact(metrics),
			"missing": whole["missing"], "first_at": began[tenant], "tracked_since": tracked[tenant], "tracked_until": lastTracked[tenant],
		})
	}
	for at, month := range months {
		var days, values, captured, events []any
		var last *chaosRecord
		for _, name := range slices.Sorted(maps.Keys(month)) {
			d := month[name]
			number, _ := strconv.Atoi(name)
			last = d.from
			days, values = append(days, number), append(values, d.figure.Value)
			captured, events = append(captured, d.from.reading.CapturedAt), append(events, d.from.id)
		}
		rows.add("account_months", last, map[string]any{
			"social_account_id": at.account, "parent_account": at.parent, "account_id": at.sub, "metric": at.metric,
			"kind": at.kind, "month": chaosDay(at.month), "source": at.source, "window_name": at.window,
			"member_id": at.member, "p_id": at.platform,
			"days": days, "day_values": values, "captured_at": captured, "event_ids": events,
		})
	}
}

func chaosAccountRow(r *chaosRecord) map[string]any {
	e, payload := r.reading, r.payload.(map[string]any)
	list := func(name string) any {
		if payload[name] == nil {
			return []any{}
		}
		return payload[name]
	}
	row := map[string]any{
		"social_account_id": e.SocialAccount, "captured_at": e.CapturedAt, "event_id": r.id,
		"parent_account": e.ParentAccount, "account_id": e.AccountID, "member_id": e.MemberID,
		"p_id": e.Platform, "a_type": e.AccountType, "backfilled": e.Backfilled,
		"figures": list("figures"), "missing": list("missing"), "demographics": list("demographics"),
	}
	// A column shows the figure of that name with the newest day.
	for _, name := range []string{
		"followers", "engagement", "impressions", "views", "reach", "posts", "likes", "comments", "shares", "clicks",
	} {
		row[name] = nil
		newest := ""
		for _, f := range e.Figures {
			if f.Name == name && (row[name] == nil || f.Day > newest) {
				row[name], newest = f.Value, f.Day
			}
		}
	}
	return row
}

// foldPosts demands tSPosts, tSPostInsights, its roll-ups post_daily, post_months and post_gains, and post_erasures.
func (l *chaosLog) foldPosts(until, contents chaosVector, rows chaosRows) {
	type post struct {
		account               int64
		external, parent, sub string
	}
	winners := map[chaosInstant]*chaosRecord{}
	posts := map[post][]*chaosRecord{}
	erased := l.figuresErased(until)
	erased.demand("post_erasures", rows)
	l.each("metrics", until, func(r *chaosRecord) {
		switch {
		case r.reading != nil && erased.covers(r.reading.chaosTenant, r.reading.CapturedAt), r.post != nil && erased.covers(r.post.chaosTenant, r.post.RegisteredAt):
		case r.kind == "metrics.post_read.v1":
			if w, ok := winners[r.instant()]; !ok || r.id < w.id {
				winners[r.instant()] = r
			}
		case r.kind == "metrics.post_registered.v1":
			at := post{r.post.SocialAccount, r.post.ExternalID, r.post.ParentAccount, r.post.AccountID}
			posts[at] = append(posts[at], r)
		}
	})
	series := map[chaosInstant][]*chaosRecord{} // by post and agency: the instant's time is zero
	for at, r := range winners {
		at.micros = 0
		series[at] = append(series[at], r)
	}
	foldSteps(series, rows)
	rowOf, newer := map[post]map[string]any{}, map[post][]string{}
	for at, registrations := range posts {
		rowOf[at] = chaosPostRow(registrations, erased.any(registrations[0].post.chaosTenant))
	}
	for at, row := range rowOf {
		for other, later := range rowOf {
			sameAgency := other.account == at.account && other.external == at.external && other.parent == at.parent
			order := later["updated_at"].(time.Time).UnixMicro() - row["updated_at"].(time.Time).UnixMicro()
			if sameAgency && (order > 0 || order == 0 && other.sub > at.sub) {
				newer[at] = append(newer[at], other.sub)
			}
		}
	}
	said := l.said(contents)
	for at, row := range rowOf {
		showTexts(row, said, at.parent, fmt.Sprint(at.account, ":", at.external))
		row["newer_accounts"] = nil
		if slices.Sort(newer[at]); newer[at] != nil {
			row["newer_accounts"] = newer[at]
		}
		rows.add("tsposts", posts[at][0], row)
	}
}

func chaosReadingRow(r *chaosRecord) map[string]any {
	e := r.reading
	engagement, partial := chaosEngagement(e)
	return map[string]any{
		"social_account_id": e.SocialAccount, "external_id": e.ExternalID, "captured_at": e.CapturedAt, "event_id": r.id,
		"parent_account": e.ParentAccount, "account_id": e.AccountID, "member_id": e.MemberID,
		"p_id": e.Platform, "a_type": e.AccountType, "published_at": e.PublishedAt,
		"likes": e.Likes, "comments": e.Comments, "shares": e.Shares, "views": e.Views,
		"impressions": e.Impressions, "reach": e.Reach, "clicks": e.Clicks,
		"saves": e.Saves, "avg_watch_ms": e.AvgWatch,
		"engagement": engagement, "engagement_partial": partial,
	}
}

// chaosEngagement is likes + comments + shares of the parts that are there.
func chaosEngagement(e *chaosReading) (sum *int64, partial bool) {
	total, there := int64(0), 0
	for _, part := range []*int64{e.Likes, e.Comments, e.Shares} {
		if part != nil {
			total += *part
			there++
		}
	}
	if there == 0 {
		return nil, true
	}
	return &total, there < 3
}

// chaosPostRow: of each origin the registration with the latest time counts, and what the main
// application says stands before what the listing says, field by field. Of an account of which something is erased only those count at all.
func chaosPostRow(registrations []*chaosRecord, erased bool) map[string]any {
	last := map[string]*chaosRecord{}
	first, latest := registrations[0].post.RegisteredAt, registrations[0].post.RegisteredAt
	for _, r := range registrations {
		if w, ok := last[r.post.Origin]; !ok || chaosBefore(r.post.RegisteredAt, r.id, w.post.RegisteredAt, w.id) {
			last[r.post.Origin] = r
		}
		if r.post.RegisteredAt.Before(first) {
			first = r.post.RegisteredAt
		}
		if r.post.RegisteredAt.After(latest) {
			latest = r.post.RegisteredAt
		}
	}
	if erased {
		first = latest
		for _, r := range last {
			if r.post.RegisteredAt.Before(first) {
				first = r.post.RegisteredAt
			}
		}
	}
	row := map[string]any{
		"published_at": nil, "c_id": nil, "post_type": nil,
		"registered_at": first, "updated_at": latest, "listing": nil, "main_app": nil,
	}
	var newest *chaosRecord // whose connection it is
	for _, origin := range []string{"listing", "main_app"} {
		r := last[origin]
		if r == nil {
			continue
		}
		kept := maps.Clone(r.payload.(map[string]any))
		kept["event_id"] = r.id
		row[origin] = kept
		e := r.post
		row["social_account_id"], row["external_id"] = e.SocialAccount, e.ExternalID
		row["parent_account"], row["account_id"] = e.ParentAccount, e.AccountID
		if newest == nil || chaosBefore(e.RegisteredAt, r.id, newest.post.RegisteredAt, newest.id) {
			newest = r
			row["member_id"] = e.MemberID
		}
		row["p_id"], row["a_type"] = e.Platform, e.AccountType
		if e.PublishedAt != nil {
			row["published_at"] = *e.PublishedAt
		}
		if e.CategoryID != nil {
			row["c_id"] = *e.CategoryID
		}
		if e.PostType != "" {
			row["post_type"] = e.PostType
		}
	}
	return row
}
