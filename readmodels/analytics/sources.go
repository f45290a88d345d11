package analytics

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// SourceStatus says how complete the figures of a social account are.
type SourceStatus string

// Source statuses, most severe first. An account has the first one that applies.
const (
	SourceDisconnected SourceStatus = "disconnected" // the account was disconnected and is not read
	SourceReconnect    SourceStatus = "reconnect"    // a person must connect the account again; it is not read
	SourceNeverRead    SourceStatus = "never_read"   // the account has not been read yet
	SourceUnsupported  SourceStatus = "unsupported"  // the platform reports none of the response's metrics
	SourcePartial      SourceStatus = "partial"      // metrics or days were not read, or a counter has no baseline
	SourceOK           SourceStatus = "ok"           // nothing is missing; paused says whether readings are expected
)

var sourceStatuses = []SourceStatus{
	SourceDisconnected, SourceReconnect, SourceNeverRead, SourceUnsupported, SourcePartial, SourceOK,
}

// MostSevere returns, for each platform, the first source with the most severe status. Sources are
// ordered by platform, as in [Meta].
func MostSevere(sources []Source) (gravest []Source) {
	rank := func(s Source) (rank int) {
		if rank = 2 * slices.Index(sourceStatuses, s.Status); s.Paused != "" {
			rank-- // within a status, first the sources that are not read
		}
		return rank
	}
	for _, s := range sources {
		switch last := len(gravest) - 1; {
		case last < 0 || gravest[last].Platform != s.Platform:
			gravest = append(gravest, s)
		case rank(s) < rank(gravest[last]):
			gravest[last] = s
		}
	}
	return gravest
}

// Source is one social account that a response uses.
type Source struct {
	readmodels.PlatformRef

	SocialAccount int64              `json:"social_account_id"`
	AccountID     string             `json:"account_id"`       // the sub-account that it belongs to
	AccountType   domain.AccountType `json:"a_type,omitempty"` // {account types}
	// null if the social account is no longer in the directory
	Name   domain.OptionalText `json:"name"`
	Status SourceStatus        `json:"status"` // how complete the figures are
	Reason domain.OptionalText `json:"reason"` // a sentence; null if the status is ok
	// Gaps are sentences about days of the range that were not read. Present only if the status is
	// disconnected or reconnect; otherwise `reason` contains these sentences.
	Gaps []string `json:"gaps,omitempty"`
	// Missing lists the metrics of the response that the newest reading lacks, or that cannot be
	// read without a permission. The reason is unsupported, permission, throttled, empty or error.
	Missing []domain.MissingFigure `json:"missing"`
	// LastRead is the capture time of the newest reading. If that reading is after the range, or
	// the account has left the scope, it is the newest reading in the range that the figures of
	// accounts use. Null if there is no such reading.
	LastRead *time.Time `json:"last_read_at"`
	// Paused is a sentence that says why no new readings are expected for now, even if the status
	// is ok: an operator has paused the connection or its platform, no subscription is active, or
	// the platform does not allow reading the account or does not find it.
	// Absent while the account is being read, if it must be connected again, or if a new reading
	// would not change the response because the account was read after the range.
	Paused string `json:"paused,omitempty"`
}

// EndedByErasure reports whether the source is disconnected because the person who had connected it
// was erased, maybe after removing our app on the platform or asking the platform to have our data
// deleted. The agency did not request the disconnection.
func (s Source) EndedByErasure() bool {
	reason := string(s.Reason)
	return s.Status == SourceDisconnected && !strings.HasSuffix(reason, readmodels.NotConnectedHere) &&
		!strings.HasSuffix(reason, readmodels.NotConnectedThere)
}

// Parts of the reasons of sources that can no longer be completed.
const (
	noLongerBelongs = "It no longer belongs to this "
	readingsKept    = "Earlier readings are kept. Daily counts, such as impressions, went with it from the day it left."
	wereErased      = " were erased."
)

// OnlyPast reports whether figures are missing only because readings were erased or because the
// account has left the scope, so that no one can do anything about it.
func (s Source) OnlyPast() bool {
	reason := string(s.Reason)
	return s.Status == SourcePartial &&
		(strings.HasPrefix(reason, noLongerBelongs) || strings.HasSuffix(reason, wereErased))
}

type knownAccount struct {
	account  string // sub-account of the newest row
	platform domain.Platform
	at       time.Time
}

type sourceQuery struct{ *queryContext }

// classifySources sets the sources: the social accounts in scope now, and those that have left it
// and still have figures in the response. Call it after all calls of noteMetric.
func (qc sourceQuery) classifySources(ctx context.Context) error {
	facts, erased, err := qc.sourceFacts(ctx)
	if err != nil {
		return err
	}
	present := map[int64]bool{}
	for _, f := range facts {
		present[f.SocialAccount] = true
	}
	var former, unknown []int64 // no row that was read contains the owners of the unknown ones
	for id, figures := range qc.metricsRead {
		if present[id] || len(figures) == 0 {
			continue
		}
		former = append(former, id)
		if _, known := qc.accounts[id]; !known {
			unknown = append(unknown, id)
		}
	}
	if len(former) > 0 {
		formerFacts, err := qc.formerAccounts(ctx, former, unknown)
		if err != nil {
			return err
		}
		facts = append(facts, formerFacts...)
	}
	erasedAt := map[int64]time.Time{}
	for _, e := range erased {
		erasedAt[e.SocialAccount] = e.erasedAt
		if !present[e.SocialAccount] && len(qc.metricsRead[e.SocialAccount]) == 0 && qc.query.Member == 0 {
			facts = append(facts, e)
		}
	}
	// metrics that platforms count by day are not available for a range in which no day begins
	if first, end := qc.query.Range.flowDays(); qc.blank == nothingRead && first == end && !qc.ofPosts &&
		!slices.Contains(qc.metrics, domain.MetricFollowers) {
		qc.blank = NothingRead + " because no day begins in this range."
	}
	qc.sources = make([]Source, len(facts))
	for i, f := range facts {
		s := qc.classify(f)
		qc.notePart(f, &s)
		qc.noteTimes(f, &s)
		if at, ok := erasedAt[s.SocialAccount]; ok {
			if s.Status == SourceOK {
				s.Status = SourcePartial
			}
			erasure := fmt.Sprintf("Its readings before %s"+wereErased+" %s", at.UTC().Format("2 Jan 2006, 15:04:05 UTC"), s.Reason)
			s.Reason = domain.OptionalText(strings.TrimSpace(erasure))
		}
		qc.sources[i] = s
	}
	slices.SortFunc(qc.sources, func(x, y Source) int {
		return cmp.Or(cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.SocialAccount, y.SocialAccount))
	})
	return nil
}

// noteTimes sets when the source was last read and when the next reading is due. A reading after
// the range is not shown. Paused is kept only if new readings would otherwise be expected.
func (qc sourceQuery) noteTimes(f sourceFacts, s *Source) {
	if s.Status == SourceDisconnected || s.Status == SourceReconnect {
		s.Paused = ""
	} else if s.LastRead != nil {
		qc.lastRead = later(qc.lastRead, *s.LastRead)
		if f.Paused == "" && f.dueAt != nil && (qc.nextDue == nil || f.dueAt.Before(*qc.nextDue)) {
			qc.nextDue = new(f.dueAt.UTC())
		}
	}
	if s.LastRead != nil {
		if s.LastRead.Before(qc.query.Range.To) {
			return
		}
		s.LastRead, s.Paused = nil, ""
	}
	for _, read := range qc.metricsRead[s.SocialAccount] {
		if read.last != nil && (s.LastRead == nil || read.last.After(*s.LastRead)) {
			s.LastRead = new(read.last.UTC())
		}
	}
	if s.LastRead == nil && f.readUntil != nil {
		s.LastRead = new(f.readUntil.UTC())
	}
}

// formerAccounts returns facts of social accounts that have left the scope. It reads the owners of
// the unknown ones from their posts, and all names from the agency's directory, whichever client
// owns the accounts now.
func (qc sourceQuery) formerAccounts(ctx context.Context, ids, unknown []int64) ([]sourceFacts, error) {
	if len(unknown) > 0 {
		rows, _ := qc.tx.Query(ctx, `
			select distinct on (social_account_id) social_account_id, account_id, p_id, last_at from post_gains
			where social_account_id = any($4) and parent_account = $1 and ($2::text[] is null or account_id = any($2))
			  and p_id = any($3)
			  and ($5::bigint = 0 or member_id = $5) and quarter < $6
			order by social_account_id, last_at desc`,
			qc.scope.ParentAccount, qc.scope.Accounts, qc.platformIDs(), unknown, qc.query.Member, qc.query.Range.To)
		var id int64
		var known knownAccount
		err := forEach(rows, "read former sources", []any{&id, &known.account, &known.platform, &known.at},
			func() { qc.accounts[id] = known })
		if err != nil {
			return nil, err
		}
	}
	rows, _ := qc.tx.Query(ctx, `select id, name from tSAccounts where id = any($1) and parent_account = $2`, ids,
		qc.scope.ParentAccount)
	names, err := pg.ScanMap[int64, domain.OptionalText](rows, "read names of former sources")
	var facts []sourceFacts
	for _, id := range ids {
		if known, ok := qc.accounts[id]; ok {
			facts = append(facts, sourceFacts{leftTheScope: true, readUntil: &known.at, Source: Source{
				SocialAccount: id, AccountID: known.account, PlatformRef: readmodels.PlatformRefOf(known.platform),
				Name: names[id],
			}})
		}
	}
	return facts, err
}

// classify determines the status.
func (qc sourceQuery) classify(f sourceFacts) Source {
	s := f.Source
	read, postsRead := qc.metricsRead[f.SocialAccount]
	nothingOfPosts := qc.ofPosts && len(read) == 0 && !qc.givesNone(f.Platform, qc.metrics...)
	neverRead := f.LastRead == nil && len(read) == 0 && !f.postsListed
	var unsupported int
	s.Missing, unsupported = qc.missingFigures(f, f.LastRead == nil || nothingOfPosts)
	gaps, why, signIn := qc.gapsOf(f), "", f.mustSignIn()
	switch {
	case f.erased:
		s.Status = SourcePartial
	case f.leftTheScope && qc.query.Member > 0:
		s.Status, why = SourcePartial, noLongerBelongs+"member. "+readingsKept
	case f.leftTheScope:
		s.Status, why = SourcePartial, noLongerBelongs+"account. "+readingsKept
	case f.connectedLater && len(read) == 0 && unsupported < len(qc.metrics):
		s.Status, s.Missing, why = SourcePartial, []domain.MissingFigure{}, ConnectedLater
	case !f.connected:
		s.Status, s.Gaps, why = SourceDisconnected, gaps, f.notConnected
	case signIn != "":
		s.Status, s.Gaps, why = SourceReconnect, gaps, signIn
	case len(s.Missing) > 0 && (neverRead || nothingOfPosts):
		lacking := strings.ReplaceAll(listMissing(s.Missing), missingWords[reasonPermission], "")
		s.Status, why = SourcePartial, "A permission is missing for these figures of "+qc.subject()+": "+lacking+"."
		if len(s.Missing) < len(qc.metrics) {
			why += " " + qc.whyNothing(f, neverRead, postsRead)
		}
	case neverRead:
		s.Status, why = SourceNeverRead, qc.whyNothing(f, neverRead, postsRead)
	case len(s.Missing) > 0 && unsupported == len(qc.metrics):
		s.Status = SourceUnsupported
		why = "Its platform does not report " + strings.Join(qc.metrics, " and ") + " for " + qc.subject() + "."
	case len(s.Missing) > 0:
		why = "Its newest reading lacks "
		if qc.ofPosts {
			why = "The readings of its posts lack "
		}
		s.Status, why = SourcePartial, strings.Join(append([]string{why + listMissing(s.Missing) + "."}, gaps...), " ")
	case len(read) == 0 && (postsRead || qc.blank != ""):
		s.Status, why = SourcePartial, qc.whyNothing(f, neverRead, postsRead)
	case len(gaps) > 0:
		s.Status, why = SourcePartial, strings.Join(gaps, " ")
	default:
		s.Status = SourceOK
	}
	s.Reason = domain.OptionalText(why)
	return s
}

// notePart adds that a permission is missing only for the account or only for its posts, unless the
// reason says so already.
func (qc sourceQuery) notePart(f sourceFacts, s *Source) {
	named := func(m domain.MissingFigure) bool { return m.Reason == reasonPermission }
	if !f.readsOther || f.Paused != "" || slices.ContainsFunc(s.Missing, named) {
		return
	}
	switch s.Status {
	case SourceOK:
		s.Status = SourcePartial
	case SourceNeverRead:
		s.Reason = ""
	case SourceUnsupported, SourcePartial:
	default:
		return
	}
	lacks := "only its posts are read"
	if qc.ofPosts {
		lacks = "its posts are not read"
	}
	s.Reason = domain.OptionalText(strings.TrimSpace(string(s.Reason) + " A permission is missing, so " + lacks +
		". Connect it again, and grant all permissions."))
}

// mustSignIn returns why someone must connect the account again, or "".
func (f sourceFacts) mustSignIn() string {
	switch {
	case f.awaitsSignIn && f.stateReason != "":
		return "Its connection must be authorized again: " + strings.TrimSuffix(f.stateReason, ".") + "."
	case f.awaitsSignIn:
		return "Its connection must be authorized again."
	case f.failed == failedPermission && !f.readsOther && f.Paused == "":
		return "A permission is missing. Someone must connect it again and grant all permissions."
	default:
		return ""
	}
}

// whyNothing returns the reason if there are no figures in the range.
func (qc sourceQuery) whyNothing(f sourceFacts, neverRead, postsRead bool) string {
	switch {
	case neverRead && qc.ofPosts:
		return f.unsubscribedOr("Its posts have not been read yet.")
	case neverRead:
		return f.unsubscribedOr("It has not been read yet.")
	case postsRead:
		return "Its posts were read, but no post has two readings that show a gain in this range."
	default:
		return f.unsubscribedOr(qc.blank)
	}
}

// NoSubscriptionRan is the reason if no subscription was active at any time in the range.
const NoSubscriptionRan = "No subscription was active in this range, so nothing was read."

// ConnectedLater is the reason if the account was connected after the range, whatever its status.
const ConnectedLater = "It was connected after this range."

func (f sourceFacts) unsubscribedOr(reason string) string {
	if !f.subscribed {
		return NoSubscriptionRan
	}
	return reason
}
