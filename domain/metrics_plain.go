package domain

import (
	"strings"
	"time"
)

// The quick ways to read readings, as [Registry.Encode] writes them: see [decodePlainly]. A rebuild reads millions; with
// encoding/json alone that is a quarter of its time.

func postReadPlainly(raw []byte) (e PostRead, plain bool) {
	p := newPlainReader(raw)
	room := &postReadRoom{}
	e.Tenant = p.tenant()
	e.Platform, e.AccountType = p.platform()
	p.skip(`,"external_id":`)
	e.ExternalID = p.text()
	p.skip(`,"captured_at":`)
	e.CapturedAt = p.time()
	if p.has(`,"published_at":`) {
		room.published = p.time()
		e.PublishedAt = &room.published
	}
	e.Backfilled = p.has(`,"backfilled":true`)
	for i, count := range []struct {
		name string
		to   **int64
	}{
		{`,"likes":`, &e.Likes},
		{`,"comments":`, &e.Comments},
		{`,"shares":`, &e.Shares},
		{`,"views":`, &e.Views},
		{`,"impressions":`, &e.Impressions},
		{`,"reach":`, &e.Reach},
		{`,"clicks":`, &e.Clicks},
	} {
		p.skip(count.name)
		if !p.has(`null`) {
			room.counts[i] = p.number()
			*count.to = &room.counts[i]
		}
	}
	if p.has(`,"saves":`) {
		room.saves = p.number()
		e.Saves = &room.saves
	}
	if p.has(`,"avg_watch_ms":`) {
		room.watch = p.number()
		e.AvgWatch = &room.watch
	}
	e.Missing = p.missing()
	p.skip(`,"growth_eligible":`)
	e.GrowthEligible = p.truth()
	p.skip(`,"growth_window":`)
	e.GrowthWindow = p.text()
	p.skip(`,"subscription_active":`)
	e.SubscriptionActive = p.truth()
	p.skip(`,"from_zero":`)
	e.FromZero = p.truth()
	if p.has(`,"tracked_since":`) {
		room.tracked = p.time()
		e.TrackedSince = &room.tracked
	}
	p.skip(`}`)
	if !p.ended() {
		return PostRead{}, false
	}
	return e, true
}

// postReadRoom is what a reading points to: one allocation instead of nine.
type postReadRoom struct {
	counts             [7]int64
	saves, watch       int64
	published, tracked time.Time
}

func accountReadPlainly(raw []byte) (e AccountRead, plain bool) {
	p := newPlainReader(raw)
	e.Tenant = p.tenant()
	e.Platform, e.AccountType = p.platform()
	p.skip(`,"captured_at":`)
	e.CapturedAt = p.time()
	e.Backfilled = p.has(`,"backfilled":true`)
	p.skip(`,"figures":`)
	e.Figures = plainList(&p, strings.Count(p.all, `{`), p.figure)
	e.Missing = p.missing()
	if p.has(`,"demographics":`) {
		e.Demographics = plainList(&p, 0, p.facet)
	}
	p.skip(`}`)
	if !p.ended() {
		return AccountRead{}, false
	}
	return e, true
}

// tenant reads the beginning of a reading.
func (p *plainReader) tenant() (t Tenant) {
	p.skip(`{"parent_account":`)
	t.ParentAccount = p.text()
	p.skip(`,"account_id":`)
	t.AccountID = p.text()
	p.skip(`,"member_id":`)
	t.MemberID = p.number()
	p.skip(`,"social_account_id":`)
	t.SocialAccount = p.number()
	return t
}

func (p *plainReader) platform() (of Platform, account AccountType) {
	p.skip(`,"p_id":`)
	of = Platform(p.number())
	if p.has(`,"a_type":`) {
		account = AccountType(p.number())
	}
	return of, account
}

func (p *plainReader) figure() (f Figure) {
	p.skip(`{"name":`)
	f.Name = p.text()
	p.skip(`,"kind":`)
	f.Kind = Kind(p.text())
	p.skip(`,"value":`)
	f.Value = p.number()
	p.skip(`,"source":`)
	f.Source = p.text()
	if p.has(`,"day":`) {
		f.Day = p.text()
	}
	if p.has(`,"window":`) {
		f.Window = p.text()
	}
	p.skip(`}`)
	return f
}

// missing reads what a reading lacks, if it says so.
func (p *plainReader) missing() []MissingFigure {
	if !p.has(`,"missing":`) {
		return nil
	}
	return plainList(p, 0, func() (m MissingFigure) {
		p.skip(`{"name":`)
		m.Name = p.text()
		p.skip(`,"reason":`)
		m.Reason = p.text()
		if p.has(`,"detail":`) {
			m.Detail = p.text()
		}
		p.skip(`}`)
		return m
	})
}

func (p *plainReader) facet() (f DemographicFacet) {
	p.skip(`{"facet":`)
	f.Facet = p.text()
	p.skip(`,"values":`)
	f.Values = plainMap(p, p.number)
	if p.has(`,"names":`) {
		f.Names = plainMap(p, p.text)
	}
	p.skip(`}`)
	return f
}
