package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ReplayConfig configures [Replay].
type ReplayConfig struct {
	Parent    string
	Dashboard string    // sub-account; "" for all of the agency
	Until     time.Time // the last instant to include; zero: no bound
	Version   int64     // the last version to include; 0: no bound
	// Yield receives each change in log order, and every skip, every record that a skip leaves out and
	// every record that cannot be folded, of any dashboard. Its error ends the replay.
	Yield func(Change) error
}

// Change is the effect of a record on a dashboard, or a record that changed none: an operator's
// skip, a record that a skip leaves out, or a record that cannot be folded. Its lists are sorted.
type Change struct {
	Version    int64     `json:"version"`
	Time       time.Time `json:"time"`
	Event      string    `json:"event"`
	Actor      string    `json:"actor"`
	Role       string    `json:"role,omitempty"`
	OnBehalfOf string    `json:"on_behalf_of,omitempty"`
	CommandID  string    `json:"command_id,omitempty"`
	RequestID  string    `json:"request_id,omitempty"`
	Hash       string    `json:"hash"` // of the record in its chain, hex

	Dashboard    string            `json:"dashboard,omitempty"` // sub-account
	Created      bool              `json:"created,omitempty"`
	Linked       []string          `json:"linked,omitempty"`
	Unlinked     []string          `json:"unlinked,omitempty"`
	UsersAdded   []string          `json:"users_added,omitempty"`
	UsersRemoved []string          `json:"users_removed,omitempty"`
	LostAccess   []string          `json:"lost_access,omitempty"` // by the whole record, on any dashboard
	Allow        *bool             `json:"allow_client_dashboard,omitempty"`
	Scopes       []string          `json:"scopes,omitempty"`   // the new scopes, if they changed
	MainPOC      []string          `json:"main_poc,omitempty"` // the new main POCs, if they changed
	After        *domain.Dashboard `json:"after,omitempty"`

	// Skip is the decision of an operator to leave out a record; only it and the envelope fields are
	// set then.
	Skip *domain.EventSkipped `json:"skip,omitempty"`
	// Skipped means that a later skip leaves out the record; only the envelope fields are set then.
	Skipped bool `json:"skipped,omitempty"`
	// Problem says why the record cannot be folded; only the envelope fields are set then.
	Problem string `json:"problem,omitempty"`
}

// Replayed is the result of a replay.
type Replayed struct {
	Agency  string    `json:"agency"`
	Version int64     `json:"version"` // of the last effective record; 0: none
	Time    time.Time `json:"time"`
	Hash    string    `json:"hash"` // of that record in its chain, hex; the genesis hash if none exists
	Changes int64     `json:"changes"`
	Stale   int64     `json:"stale"`   // lost races and duplicates, skipped
	Invalid int64     `json:"invalid"` // malformed records, which belong to no stream, skipped
	// Broken says where and why the chain is broken; "" if it is valid. Later records were not
	// replayed.
	Broken string `json:"broken,omitempty"`
	// State lists every dashboard (or the requested one) after the last change, sorted by
	// sub-account.
	State []domain.Dashboard `json:"state"`
}

var errEnough = errors.New("enough") // ends a scan early

type replayer struct {
	ReplayConfig

	partitions int32
	decode     decoder
	skips      domain.Skips
	judged     domain.StreamHead           // of the last effective record in the chain
	head       domain.StreamHead           // of the last record folded
	dashboards map[string]domain.Dashboard // by sub-account
	done       Replayed
}

// Replay folds one agency's stream directly from the log, without the records that skips leave out,
// also skips after the bounds. It ends at a broken chain, which [Replayed] reports; an error means
// that the log could not be read.
func Replay(ctx context.Context, src Source, cfg ReplayConfig) (done Replayed, err error) {
	ranges, _, err := src.Ranges(ctx, domain.TopicDashboards)
	if err == nil {
		done, err = replay(cfg, len(ranges), src.Decode, func(take takeRun) error {
			return src.Scan(ctx, eventlog.ScanConfig{
				Topic: domain.TopicDashboards, Key: cfg.Parent,
				Handle: func(_ context.Context, run eventlog.Run) error { return take(run.Records) },
			})
		})
	}
	if err != nil {
		return done, fmt.Errorf("replay: %w", err)
	}
	return done, nil
}

type (
	decoder = func(eventlog.Record) (domain.Recorded, error)
	takeRun = func([]eventlog.Record) error
)

// ReplayBundle folds a bundle instead of the log. It proves nothing; use [VerifyBundle] for that.
func ReplayBundle(in io.ReadSeeker, verifiers note.Verifiers, decode decoder, cfg ReplayConfig) (Replayed, error) {
	c, err := beginBundle(in, verifiers)
	if err != nil {
		return Replayed{}, err
	}
	cfg.Parent = c.in.head.Key
	return replay(cfg, 1, decode, func(take takeRun) error {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("read bundle again: %w", err)
		}
		c, err := beginBundle(in, verifiers)
		for err == nil {
			var line bundleRecord
			if line, err = c.in.record(); err == nil {
				err = take([]eventlog.Record{line.record(cfg.Parent)})
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
}

// replay folds the records that scan passes to its argument, in each of its calls. The first one only
// looks for skips, because a skip counts from the version that it names.
func replay(cfg ReplayConfig, partitions int, decode decoder, scan func(takeRun) error) (Replayed, error) {
	p := &replayer{
		ReplayConfig: cfg, partitions: int32(partitions), decode: decode,
		dashboards: map[string]domain.Dashboard{}, done: Replayed{Agency: cfg.Parent},
	}
	skips, err := eventlog.FindSkips(func(take func(eventlog.Record) error) error {
		return scan(func(run []eventlog.Record) error {
			for _, r := range run {
				if err := take(r); err != nil {
					return err
				}
			}
			return nil
		})
	}, decode, p.partitions)
	if err == nil {
		p.skips = skips[cfg.Parent]
		err = scan(p.takeRun)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return p.done, err
	}
	return p.end(), nil
}

// takeRun decodes a run beside the check of its chain, and folds its records.
func (p *replayer) takeRun(run []eventlog.Record) error {
	decoded := make([]decodedRecord, len(run))
	var decoding sync.WaitGroup
	const part = 64
	for from := 0; from < len(run); from += part {
		decoding.Go(func() {
			for i := from; i < min(from+part, len(run)); i++ {
				decoded[i].Recorded, decoded[i].err = p.decode(run[i])
			}
		})
	}
	judged := p.judge(run)
	decoding.Wait()
	for i, next := range judged {
		if next.Version == 0 {
			continue
		}
		if err := p.take(next, decoded[i]); err != nil {
			return err
		}
	}
	if len(judged) < len(run) {
		return errEnough
	}
	return nil
}

type decodedRecord struct {
	domain.Recorded

	err error
}

// judge returns the head after each record, zero for records that are skipped. The list ends before
// the first record that breaks the chain or is not within the bounds; neither are later ones.
func (p *replayer) judge(run []eventlog.Record) (heads []domain.StreamHead) {
	for _, r := range run {
		verdict, next, reason := eventlog.Judge(p.judged, r, p.partitions)
		switch {
		case verdict == eventlog.Stale:
			p.done.Stale++
			next = domain.StreamHead{}
		case verdict == eventlog.Invalid:
			p.done.Invalid++
			next = domain.StreamHead{}
		case verdict != eventlog.Effective:
			p.done.Broken = fmt.Sprintf("after version %d: %s", p.judged.Version, reason)
			if r.Offset >= 0 {
				p.done.Broken += fmt.Sprintf(" (partition %d offset %d)", r.Partition, r.Offset)
			}
			return heads
		case p.Version > 0 && next.Version > p.Version, !p.Until.IsZero() && next.Time.After(p.Until):
			return heads // times increase along a chain
		default:
			p.judged = next
		}
		heads = append(heads, next)
	}
	return heads
}

// take folds a record and yields its changes.
func (p *replayer) take(next domain.StreamHead, recorded decodedRecord) error {
	p.head = next
	p.done.Version, p.done.Time = next.Version, next.Time
	e, err := &recorded.Envelope, recorded.err
	base := Change{
		Version: p.head.Version, Time: p.head.Time, Event: e.Type,
		Actor: e.Audit.Actor, Role: e.Audit.Role, OnBehalfOf: e.Audit.OnBehalfOf,
		CommandID: e.Audit.CommandID, RequestID: e.Audit.RequestID, Hash: hex.EncodeToString(p.head.Hash[:]),
	}
	if base.Skipped = p.skips.LeaveOut(next.Version, recorded.Data); base.Skipped {
		return p.Yield(base)
	}
	var revisions []domain.DashboardRevision
	if err == nil {
		revisions, err = p.fold(recorded.Data, &base)
	}
	if err != nil {
		base.LostAccess, base.Problem = nil, err.Error()
		p.done.Changes++
		return p.Yield(base)
	}
	if skip, ok := recorded.Data.(domain.EventSkipped); ok {
		base.Skip = &skip
		return p.Yield(base)
	}
	for i := range revisions {
		if p.Dashboard != "" && p.Dashboard != revisions[i].After.SubAccountID {
			continue
		}
		p.done.Changes++
		if err := p.Yield(base.withDifference(&revisions[i])); err != nil {
			return err
		}
	}
	return nil
}

// fold folds a record's payload by the domain's rules and returns the changed dashboards.
func (p *replayer) fold(data domain.Data, base *Change) ([]domain.DashboardRevision, error) {
	if _, ok := data.(domain.EventSkipped); ok {
		return nil, nil
	}
	event, ok := data.(domain.DashboardEvent)
	if !ok {
		return nil, fmt.Errorf("a record of type %s does not belong to topic %s", base.Event, domain.TopicDashboards)
	}
	change := event.Change()
	base.LostAccess = change.LostAccess
	revisions, err := change.Fold(p.Parent, p.head.Version, p.head.Time, p.dashboards)
	for i := range revisions {
		p.dashboards[revisions[i].After.SubAccountID] = revisions[i].After
	}
	return revisions, err
}

func (c Change) withDifference(rev *domain.DashboardRevision) Change {
	after, before := &rev.After, &domain.Dashboard{}
	if rev.Before != nil {
		before = rev.Before
	}
	d := domain.DifferenceBetween(rev.Before, *after)
	c.Dashboard, c.Created, c.After = after.SubAccountID, d.Created, after
	c.Linked, c.Unlinked, c.UsersAdded, c.UsersRemoved = d.Linked, d.Unlinked, d.UsersAdded, d.UsersRemoved
	if d.Created || d.AllowClientChanged {
		c.Allow = &after.AllowClientDashboard
	}
	if !slices.Equal(before.Scopes, after.Scopes) {
		c.Scopes = after.Scopes
	}
	if !slices.Equal(before.MainPOC, after.MainPOC) {
		c.MainPOC = after.MainPOC
	}
	return c
}

func (p *replayer) end() Replayed {
	p.done.State = []domain.Dashboard{}
	head := p.head.Hash
	if p.head.Version == 0 {
		head = eventlog.Genesis(domain.TopicDashboards, p.Parent)
	}
	p.done.Hash = hex.EncodeToString(head[:])
	for _, id := range slices.Sorted(maps.Keys(p.dashboards)) {
		if p.Dashboard == "" || p.Dashboard == id {
			p.done.State = append(p.done.State, p.dashboards[id])
		}
	}
	return p.done
}
