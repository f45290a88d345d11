package analytics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SourceStatus says how complete the figures of a social account are.
type SourceStatus string

// Source statuses, most severe first. An account has the first one that applies.
const (
	SourceDisconnected SourceStatus = "disconnected" // the account was disconnected and is not read
	SourceReconnect    SourceStatus = "reconnect"    // a person must connect the account again; it is not read
	SourceNotRead      SourceStatus = "not_read"     // the account is not read for another reason, such as a pause
	SourceNeverRead    SourceStatus = "never_read"   // the account has not been read yet
	SourceUnsupported  SourceStatus = "unsupported"  // the platform reports none of the response's metrics
	SourcePartial      SourceStatus = "partial"      // metrics or days were not read, or a counter has no baseline
	SourceOK           SourceStatus = "ok"           // nothing is missing
)

// SourceStatuses are all statuses, most severe first.
var SourceStatuses = []SourceStatus{
	SourceDisconnected, SourceReconnect, SourceNotRead, SourceNeverRead, SourceUnsupported, SourcePartial, SourceOK,
}

// Source is one social account that a response uses.
type Source struct {
	readmodels.PlatformRef

	SocialAccount int64              `json:"social_account_id"` // the connected profile or page, by its id
	AccountID     string             `json:"account_id"`        // the sub-account that it belongs to
	AccountType   domain.AccountType `json:"a_type,omitempty"`  // {account types}
	// The name, as in the directory. Null if the social account is no longer in the directory.
	Name   domain.OptionalText `json:"name"`
	Status SourceStatus        `json:"status"` // how complete the figures are
	// Reasons say why the account is not read, unless that began after the range or the account was
	// read after the range, and why figures of the response are missing.
	Reasons []domain.StatusReason `json:"reasons"`
	Text    domain.OptionalText   `json:"text"` // the reasons in sentences; null without reasons
	// LastRead is the capture time of the newest reading. If that reading is after the range, or
	// the account has left the scope, it is the newest reading in the range that the figures of
	// accounts use. Null if there is no such reading.
	LastRead *time.Time `json:"last_read_at"`
}

// JoinSources combines the sources of several responses about one range into those of all of their
// figures. Metrics that a platform does not report are left out of all but the first response.
func JoinSources(first []Source, others ...[]Source) []Source {
	joined := slices.Clone(first)
	for _, s := range slices.Concat(others...) {
		reasons := slices.DeleteFunc(slices.Clone(s.Reasons), func(r domain.StatusReason) bool {
			return r.Code == domain.StatusUnsupportedMetric
		})
		if len(reasons) == 0 && len(s.Reasons) > 0 {
			continue
		}
		s.Reasons = reasons
		at := slices.IndexFunc(joined, func(known Source) bool { return known.SocialAccount == s.SocialAccount })
		if at < 0 {
			joined = append(joined, s)
			continue
		}
		known := &joined[at]
		known.LastRead = cmp.Or(known.LastRead, s.LastRead)
		if s.Status == SourceNeverRead {
			if known.Status == SourceNeverRead {
				continue
			}
			s.Status = SourcePartial // other figures of this source were read
		}
		if slices.Index(SourceStatuses, s.Status) < slices.Index(SourceStatuses, known.Status) {
			known.Status = s.Status
		}
		known.Reasons = append(slices.Clip(known.Reasons), s.Reasons...)
	}
	for i := range joined {
		joined[i].Text = readmodels.TextOf(joined[i].Reasons, domain.APIText, joined[i].Platform)
	}
	return joined
}

type knownAccount struct {
	account  string // sub-account of the newest row
	platform domain.Platform
	at       time.Time
}

type sourceQuery struct{ *queryContext }

// classifySources sets the sources: the social accounts in scope now, and those that have left it
// and still have figures in the response. Call it after all calls of noteMetric.
func (s sourceQuery) classifySources(ctx context.Context) error {
	facts, erased, err := s.sourceFacts(ctx)
	if err != nil {
		return err
	}
	return s.classifyFacts(ctx, facts, erased)
}

// notPresent returns the sources that are not in the scope now: the ids of those that have left it
// and have figures in the response, and those without figures because their readings were erased.
func (s sourceQuery) notPresent(facts, erased []sourceFacts) (former []int64, gone []sourceFacts) {
	present := map[int64]bool{}
	for _, f := range facts {
		present[f.SocialAccount] = true
	}
	for id, figures := range s.metricsRead {
		if !present[id] && len(figures) > 0 {
			former = append(former, id)
		}
	}
	for _, e := range erased {
		if !present[e.SocialAccount] && len(s.metricsRead[e.SocialAccount]) == 0 && s.query.Member == 0 {
			gone = append(gone, e)
		}
	}
	return former, gone
}

func (s sourceQuery) classifyFacts(ctx context.Context, facts, erased []sourceFacts) error {
	former, gone := s.notPresent(facts, erased)
	var unknown []int64 // no row that was read contains their owners
	for _, id := range former {
		if _, known := s.accounts[id]; !known {
			unknown = append(unknown, id)
		}
	}
	if len(former) > 0 {
		formerFacts, err := s.formerAccounts(ctx, former, unknown)
		if err != nil {
			return err
		}
		facts = append(facts, formerFacts...)
	}
	facts = append(facts, gone...)
	erasedAt := map[int64]time.Time{}
	for _, e := range erased {
		erasedAt[e.SocialAccount] = e.erasedAt
	}
	// metrics that platforms count by day are not available for a range in which no day begins
	if first, end := s.query.Range.flowDays(); s.blank == domain.StatusNothingRead && first == end && !s.ofPosts &&
		!slices.Contains(s.metrics, domain.MetricFollowers) {
		s.blank = domain.StatusNoDayBegins
	}
	s.sources = make([]Source, len(facts))
	for i, f := range facts {
		if at, ok := erasedAt[f.SocialAccount]; ok {
			f.erasedAt = at
		}
		source := f.Source
		source.Status, source.Reasons = s.classify(f)
		s.noteTimes(f, &source)
		source.Text = readmodels.TextOf(source.Reasons, domain.APIText, source.Platform)
		s.sources[i] = source
	}
	slices.SortFunc(s.sources, func(x, y Source) int {
		return cmp.Or(cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.SocialAccount, y.SocialAccount))
	})
	return nil
}

// noteTimes sets when the source was last read and when the next reading is due. A reading after
// the range is not shown.
func (s sourceQuery) noteTimes(f sourceFacts, source *Source) {
	if source.LastRead != nil && !source.LastRead.Before(s.query.Range.To) {
		source.LastRead = nil
	} else if source.LastRead != nil && f.dueAt != nil && (s.nextDue == nil || f.dueAt.Before(*s.nextDue)) {
		s.nextDue = new(f.dueAt.UTC())
	}
	if source.LastRead != nil {
		return
	}
	for _, read := range s.metricsRead[source.SocialAccount] {
		if read.last != nil && (source.LastRead == nil || read.last.After(*source.LastRead)) {
			source.LastRead = new(read.last.UTC())
		}
	}
	if source.LastRead == nil && f.readUntil != nil {
		source.LastRead = new(f.readUntil.UTC())
	}
}

// formerAccounts returns facts of social accounts that have left the scope. It reads the owners of
// the unknown ones from their posts, and all names from the agency's directory, whichever client
// owns the accounts now. An account that was read for its former owner after the range left later.
func (s sourceQuery) formerAccounts(ctx context.Context, ids, unknown []int64) ([]sourceFacts, error) {
	if len(unknown) > 0 {
		rows, _ := s.tx.Query(ctx, `
			select distinct on (social_account_id) social_account_id, account_id, p_id, q.last_at
			from post_owners o cross join lateral (
				select last_at from post_quarters where owner = o.id and begins < $6 order by begins desc limit 1) q
			where social_account_id = any($4) and parent_account = $1 and ($2::text[] is null or account_id = any($2))
			  and p_id = any($3)
			  and ($5::bigint = 0 or member_id = $5)
			order by social_account_id, q.last_at desc`,
			s.scope.ParentAccount, s.scope.Accounts, s.platformIDs(), unknown, s.query.Member, s.query.Range.To)
		var id int64
		var known knownAccount
		err := forEach(rows, "read owners of former sources", []any{&id, &known.account, &known.platform, &known.at},
			func() { s.accounts[id] = known })
		if err != nil {
			return nil, err
		}
	}
	left, metrics := domain.StatusLeftAccount, "n.metrics, n.missing"
	if s.query.Member > 0 {
		left = domain.StatusLeftMember
	}
	if s.ofPosts {
		metrics = "null::text[] as metrics, null::jsonb as missing"
	}
	rows, _ := s.tx.Query(ctx, `
		select i.id, coalesce(s.name, ''), n.captured_at, n.metrics, coalesce(n.missing, '[]')
		from unnest($1::bigint[]) i(id)
		left join tSAccounts s on s.id = i.id and s.parent_account = $3
		left join lateral (
			select n.last_at as captured_at, `+metrics+` from figure_owners n
			where n.social_account_id = i.id and n.parent_account = $3 and `+s.withinAccounts("n.account_id")+`
			  and ($4::bigint = 0 or n.member_id = $4) and n.tracked_until >= $5
			order by n.last_at desc limit 1) n on true`,
		ids, s.scope.Accounts, s.scope.ParentAccount, s.query.Member, s.query.Range.To)
	var facts []sourceFacts
	f := sourceFacts{subscribed: true}
	return facts, forEach(rows, "read former sources", []any{
		&f.SocialAccount, &f.Name, &f.LastRead, &f.figures, &f.missing,
	}, func() {
		known, ok := s.accounts[f.SocialAccount]
		if !ok {
			return
		}
		f.AccountID, f.PlatformRef, f.readUntil = known.account, readmodels.PlatformRefOf(known.platform), &known.at
		if f.left = left; f.LastRead != nil { // it left after the range
			f.left = ""
		}
		facts = append(facts, f)
	})
}

// classify determines the status, and why figures of the response are missing.
func (s sourceQuery) classify(f sourceFacts) (status SourceStatus, reasons []domain.StatusReason) {
	read, postsRead := s.metricsRead[f.SocialAccount]
	nothingOfPosts := s.ofPosts && len(read) == 0 && !s.givesNone(f.Platform, s.metrics...)
	neverRead := f.LastRead == nil && len(read) == 0 && !f.postsListed
	missing, unsupported := s.missingFigures(f, f.LastRead == nil || nothingOfPosts)
	gaps, part := s.gapsOf(f), s.lackingPart(f, missing)
	reasons = []domain.StatusReason{} // an array in JSON
	add := func(code domain.StatusCode) { reasons = append(reasons, domain.StatusReason{Code: code}) }
	if !f.erasedAt.IsZero() {
		reasons = append(reasons, domain.StatusReason{Code: domain.StatusReadingsErased, At: new(f.erasedAt.UTC())})
	}
	status = SourcePartial
	switch {
	case f.erased:
	case f.left != "":
		add(f.left)
	case f.connectedLater && len(read) == 0 && unsupported < len(s.metrics):
		add(domain.StatusConnectedLater)
	case f.Status != "":
		status = f.Status
		add(f.stopped)
		reasons = slices.Concat(reasons, missing, gaps)
	case len(missing) > 0 && (neverRead || nothingOfPosts):
		reasons = append(reasons, missing...)
		if len(missing) < len(s.metrics) {
			reasons = append(reasons, s.whyNothing(f, neverRead, postsRead)...)
		}
	case neverRead:
		status = SourceNeverRead
		if part == "" {
			reasons = append(reasons, s.whyNothing(f, neverRead, postsRead)...)
		}
	case len(missing) > 0:
		if unsupported == len(s.metrics) {
			status = SourceUnsupported
		}
		reasons = slices.Concat(reasons, missing, gaps)
	case len(read) == 0 && (postsRead || s.blank != ""):
		reasons = append(reasons, s.whyNothing(f, neverRead, postsRead)...)
	default:
		reasons = append(reasons, gaps...)
	}
	if part != "" {
		add(part)
	}
	if len(reasons) == 0 {
		status = SourceOK
	}
	return status, reasons
}

// lackingPart returns the code if a permission is missing only for the account or only for its
// posts, and no missing figure says so.
func (s sourceQuery) lackingPart(f sourceFacts, missing []domain.StatusReason) domain.StatusCode {
	named := func(r domain.StatusReason) bool { return r.Code == domain.StatusPermission }
	switch {
	case !f.readsOther || f.stopped != "" || slices.ContainsFunc(missing, named):
		return ""
	case s.ofPosts:
		return domain.StatusPostsNotRead
	default:
		return domain.StatusOnlyPostsRead
	}
}

// whyNothing returns the reasons if there are no figures in the range.
func (s sourceQuery) whyNothing(f sourceFacts, neverRead, postsRead bool) []domain.StatusReason {
	code := s.blank
	switch {
	case postsRead && !neverRead:
		return s.ofEach(domain.StatusNoGain)
	case !f.subscribed:
		code = domain.StatusNotSubscribed
	case neverRead && s.ofPosts:
		code = domain.StatusPostsNotReadYet
	case neverRead:
		code = domain.StatusNotReadYet
	case code == domain.StatusNothingRead, code == domain.StatusNoDayBegins:
		return s.ofEach(code)
	}
	return []domain.StatusReason{{Code: code}}
}

// ofEach returns a reason about each metric of the response.
func (s sourceQuery) ofEach(code domain.StatusCode) (reasons []domain.StatusReason) {
	for _, metric := range s.metrics {
		reasons = append(reasons, s.about(metric, code))
	}
	return reasons
}

// about returns a reason about a metric of the response.
func (s sourceQuery) about(metric string, code domain.StatusCode) domain.StatusReason {
	return domain.StatusReason{Code: code, Figures: s.subject(), Metric: metric}
}
