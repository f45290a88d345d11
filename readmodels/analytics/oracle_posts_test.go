package analytics_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
)

// agencyReads returns the readings of posts of all clients of the agency, in order of capture.
func (o *oracle) agencyReads() []domain.PostRead {
	if o.steps == nil {
		o.steps = map[postStep]int64{}
		readings := o.readings(true)
		for _, r := range readings {
			o.reads = append(o.reads, r.ofPost)
		}
		for _, name := range postFigures {
			for _, step := range steps(readings, name) {
				o.steps[postStep{step.post, step.at.UnixNano(), name}] = step.value
			}
		}
	}
	return o.reads
}

// postStep identifies the gain of one figure at one reading of a post.
type postStep struct {
	post string
	at   int64
	name string
}

// growthFigures are the figures with gains of a post: [postFigures] in order, and the engagement.
func growthFigures(g *analytics.PostGrowth) []**int64 {
	return []**int64{&g.Likes, &g.Comments, &g.Shares, &g.Views, &g.Impressions, &g.Clicks, &g.Saves, &g.Engagement}
}

// stepOf returns a reading's gain of each figure.
func (o *oracle) stepOf(read domain.PostRead) (g analytics.PostGrowth) {
	post := fmt.Sprintf("%d:%s", read.SocialAccount, read.ExternalID)
	for i, name := range postFigures {
		if v, gained := o.steps[postStep{post, read.CapturedAt.UnixNano(), name}]; gained {
			*growthFigures(&g)[i] = &v
			if slices.Contains(engagementParts, name) {
				sum(&g.Engagement, v)
			}
		}
	}
	return g
}

// readsIn returns the readings in [from, to) that the query covers; [oracle.stepOf] has their gains.
func (o *oracle) readsIn(from, to time.Time) (in []domain.PostRead) {
	for _, read := range o.agencyReads() {
		if !read.CapturedAt.Before(from) && read.CapturedAt.Before(to) && o.sees(read.Tenant, read.Platform) {
			in = append(in, read)
		}
	}
	return in
}

// part is one part of the range by granularity.
type part struct {
	day      string
	from, to time.Time
	dates    []string
}

// parts cuts the range at days, Mondays or the first of each month.
func (o *oracle) parts() (out []part) {
	for _, p := range o.periods() {
		out = append(out, part{p.name, p.from, p.to, o.datesOf(p.from, p.to, false)})
	}
	return out
}

// lastPostRead returns the newest reading in the range that answers about posts use.
func (o *oracle) lastPostRead() *time.Time {
	reads := o.readsIn(o.Range.From, o.Range.To)
	if len(reads) == 0 {
		return nil
	}
	return &reads[len(reads)-1].CapturedAt
}

// registration is the last one of a post in its agency. elsewhere means that it belongs to no one in
// scope.
type registration struct {
	domain.PostRegistered
	elsewhere bool
}

// registrations returns the posts of the agency, each with its last registration, of whichever
// client: at the same instant the smaller event id counts.
func (o *oracle) registrations() []registration {
	latest := map[string]registration{}
	ids, erased := map[string]string{}, erasedUntil(o.w, o.scope.ParentAccount)
	for _, ev := range o.w.Events {
		e, ok := ev.Data.(domain.PostRegistered)
		if !ok || e.ParentAccount != o.scope.ParentAccount || !slices.Contains(o.Platforms, e.Platform) || e.RegisteredAt.Before(erased[e.SocialAccount]) {
			continue
		}
		key := fmt.Sprint(e.SocialAccount, " ", e.ExternalID)
		known, registered := latest[key]
		if !registered || cmp.Or(e.RegisteredAt.Compare(known.RegisteredAt), strings.Compare(ids[key], ev.Envelope.ID)) > 0 {
			latest[key], ids[key] = registration{e, !o.seesAll(e.Tenant, e.Platform)}, ev.Envelope.ID
		}
	}
	return slices.Collect(maps.Values(latest))
}

// knownPost is a registered post with its readings in scope and its gains in the range.
type knownPost struct {
	analytics.Post

	elsewhere bool // not registered by anyone in scope

	reads  []domain.PostRead
	growth analytics.PostGrowth
	gained map[int64]analytics.PostGrowth // by member
}

// readInRange reports whether the post was read in the range for the scope and the member.
func (o *oracle) readInRange(p knownPost) bool {
	return slices.ContainsFunc(p.reads, func(r domain.PostRead) bool {
		return !r.CapturedAt.Before(o.Range.From) && r.CapturedAt.Before(o.Range.To) && (o.Member == 0 || r.MemberID == o.Member)
	})
}

// contentOf returns the latest content of a post in its agency, unless it belongs to a client
// outside the scope.
func (o *oracle) contentOf(post domain.PostRef) (content domain.PostContent) {
	for _, ev := range o.w.Contents {
		if c, _ := ev.Data.(domain.PostContent); c.PostRef == post {
			content = c
		}
	}
	if o.scope.Accounts != nil && !slices.Contains(o.scope.Accounts, content.AccountID) {
		return domain.PostContent{}
	}
	return content
}

// knownPosts returns the registered posts of the query, newest first. Posts that are not registered
// by anyone in scope are included if they were read for the scope, under their owner at that time.
func (o *oracle) knownPosts() []knownPost {
	var out []knownPost
	for _, e := range o.registrations() {
		p := knownPost{elsewhere: e.elsewhere, Post: analytics.Post{
			PlatformRef: readmodels.PlatformRefOf(e.Platform), ID: fmt.Sprint(e.SocialAccount, ":", e.ExternalID), SocialAccount: e.SocialAccount,
			ExternalID: e.ExternalID, AccountID: e.AccountID, MemberID: e.MemberID, PublishedAt: e.PublishedAt, Category: e.CategoryID,
		}}
		if p.Category == nil {
			for _, entity := range o.w.Directory {
				if plan, ok := entity.(domain.DirectoryPlannedPost); ok && plan.SocialAccount == e.SocialAccount && plan.ExternalID == e.ExternalID && plan.AccountID == e.AccountID {
					p.Category = &plan.CategoryID
				}
			}
		}
		if content := o.contentOf(domain.PostRefOf(e.PostRegistered)); content.Content != "" && !e.elsewhere {
			p.Content, p.MediaURL, p.Permalink = &content.Content, &content.MediaURL, &content.Permalink
		}
		if e.elsewhere {
			p.Category = nil // the other client's
		}
		if o.Category > 0 && (p.Category == nil || *p.Category != o.Category) {
			continue
		}
		for _, read := range o.agencyReads() {
			if read.SocialAccount != p.SocialAccount || read.ExternalID != p.ExternalID {
				continue
			}
			if o.seesAll(read.Tenant, read.Platform) {
				p.reads = append(p.reads, read)
			}
		}
		// planned for later, or a wrong clock
		later := p.PublishedAt != nil && !p.PublishedAt.Before(o.Range.To)
		if (later || e.elsewhere) && !o.readInRange(p) {
			continue
		}
		if e.elsewhere {
			last := p.at(o.Range.To)
			p.AccountID, p.MemberID = last.AccountID, last.MemberID
		}
		p.growth, p.gained = o.gainedByPost(p)
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b knownPost) int { return newestFirst(a.Post, b.Post) })
	return out
}

// unregistered returns the posts that are not registered in the agency, with their gains: they are
// in no list and have no category, but sums of gains include them.
func (o *oracle) unregistered() []knownPost {
	if o.Category > 0 || o.By == analytics.RankByTotal {
		return nil
	}
	registered, erased := map[domain.PostRef]bool{}, erasedUntil(o.w, o.scope.ParentAccount)
	for _, ev := range o.w.Events {
		e, ok := ev.Data.(domain.PostRegistered)
		if ok && e.ParentAccount == o.scope.ParentAccount && !e.RegisteredAt.Before(erased[e.SocialAccount]) {
			registered[domain.PostRef{SocialAccount: e.SocialAccount, ExternalID: e.ExternalID}] = true
		}
	}
	var out []knownPost
	for _, read := range o.agencyReads() {
		ref := domain.PostRef{SocialAccount: read.SocialAccount, ExternalID: read.ExternalID}
		if registered[ref] || !slices.Contains(o.Platforms, read.Platform) {
			continue
		}
		registered[ref] = true // once
		p := knownPost{Post: analytics.Post{SocialAccount: read.SocialAccount, ExternalID: read.ExternalID}}
		p.growth, p.gained = o.gainedByPost(p)
		out = append(out, p)
	}
	return out
}

// memberPosts returns the known posts that were last registered under the query's member, or read
// while it owned them.
func (o *oracle) memberPosts() []knownPost {
	return slices.DeleteFunc(o.knownPosts(), func(p knownPost) bool {
		return o.Member > 0 && p.MemberID != o.Member && !o.readInRange(p)
	})
}

// gainedByPost adds up the gains of a post's readings in the range, in total and by member.
func (o *oracle) gainedByPost(p knownPost) (all analytics.PostGrowth, members map[int64]analytics.PostGrowth) {
	members = map[int64]analytics.PostGrowth{}
	known := [3]int{}            // gains of each part of the engagement
	var firsts []domain.PostRead // of the agency, at any time
	for _, read := range o.agencyReads() {
		if read.SocialAccount == p.SocialAccount && read.ExternalID == p.ExternalID {
			firsts = append(firsts, read)
		}
	}
	var steps []domain.PostRead
	for _, read := range o.readsIn(o.Range.From, o.Range.To) {
		if read.SocialAccount != p.SocialAccount || read.ExternalID != p.ExternalID {
			continue
		}
		g := o.stepOf(read)
		steps = append(steps, read)
		growth := members[read.MemberID]
		for _, sums := range []*analytics.PostGrowth{&all, &growth} {
			for i, from := range growthFigures(&g) {
				if *from != nil {
					sum(growthFigures(sums)[i], **from)
				}
			}
		}
		members[read.MemberID] = growth
		for i, part := range []*int64{g.Likes, g.Comments, g.Shares} {
			if part != nil {
				known[i]++
			}
		}
	}
	all.EngagementPartial = known[0] != known[1] || known[0] != known[2]
	if len(steps) == 0 {
		return all, members
	}
	switch i := slices.IndexFunc(firsts, func(r domain.PostRead) bool { return r.CapturedAt.Equal(steps[0].CapturedAt) }); {
	case i > 0 && firsts[i-1].AccountID == steps[0].AccountID:
		all.Since = &firsts[i-1].CapturedAt
	case steps[0].FromZero && !slices.ContainsFunc(firsts[:i], func(r domain.PostRead) bool { return r.AccountID != steps[0].AccountID }):
	case len(steps) > 1:
		all.Since = &steps[0].CapturedAt
	default:
		all.NoBaseline = true
	}
	return all, members
}

func newestFirst(a, b analytics.Post) int {
	at := func(p analytics.Post) time.Time {
		if p.PublishedAt == nil {
			return time.Time{}
		}
		return *p.PublishedAt
	}
	return cmp.Or(at(b).Compare(at(a)), cmp.Compare(b.SocialAccount, a.SocialAccount),
		strings.Compare(b.ExternalID, a.ExternalID), strings.Compare(b.AccountID, a.AccountID))
}

// at returns the last reading before an instant.
func (k *knownPost) at(to time.Time) *domain.PostRead {
	var last *domain.PostRead
	for _, read := range k.reads {
		if read.CapturedAt.Before(to) {
			last = &read
		}
	}
	return last
}

func (k *knownPost) counts(to time.Time) (c analytics.PostCounts) {
	last := k.at(to)
	if last == nil {
		return c
	}
	c = analytics.PostCounts{CapturedAt: &last.CapturedAt, PostFigures: analytics.PostFigures(last.Counts)}
	for _, v := range []*int64{last.Likes, last.Comments, last.Shares} {
		if v == nil {
			c.EngagementPartial = true
		} else {
			sum(&c.Engagement, *v)
		}
	}
	return c
}

// asOfList returns the newest capture in a list of posts.
func (o *oracle) asOfList(posts []knownPost) *time.Time {
	last := o.lastPostRead()
	for _, p := range posts {
		if read := p.at(o.Range.To); read != nil && (last == nil || read.CapturedAt.After(*last)) {
			last = &read.CapturedAt
		}
	}
	return last
}
