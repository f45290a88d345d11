package proof

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

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

	keptBytes int // default maxKeptBytes
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
	Scopes       []string          `json:"scopes"`   // the new scopes; nil if they did not change
	MainPOC      []string          `json:"main_poc"` // the new main POCs; nil if they did not change
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
	decoding   *errgroup.Group
	skips      domain.Skips
	onlySkips  bool                        // the other records are read again
	ended      bool                        // the bounds were passed, or the chain is broken
	judged     domain.StreamHead           // of the last effective record in the chain
	head       domain.StreamHead           // of the last record folded
	dashboards map[string]domain.Dashboard // by sub-account
	done       Replayed
}

func newReplayer(cfg ReplayConfig, partitions int, decode decoder) *replayer {
	p := &replayer{
		ReplayConfig: cfg, partitions: int32(partitions), decode: decode, decoding: new(errgroup.Group),
		skips: domain.Skips{}, dashboards: map[string]domain.Dashboard{}, done: Replayed{Agency: cfg.Parent},
	}
	p.decoding.SetLimit(runtime.GOMAXPROCS(0))
	return p
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

// maxKeptBytes limits the payloads of the records that a replay keeps. Decoded they take about three
// times as much.
const maxKeptBytes = 64 << 20

// judged is an effective record. It is decoded when the replayer's decoding is done.
type judged struct {
	domain.Recorded

	err    error // of decoding
	head   domain.StreamHead
	beyond bool // the bounds, or the break of the chain: it counts only as a skip
}

// replay folds the records that scan passes to its argument, in each of its calls. A skip counts from
// the version that it names, so the records are kept until all were read; those of a stream that is too
// long to be kept are read a second time.
func replay(cfg ReplayConfig, partitions int, decode decoder, scan func(takeRun) error) (Replayed, error) {
	p := newReplayer(cfg, partitions, decode)
	var kept [][]judged
	size := 0
	err := scan(func(run []eventlog.Record) error {
		if !p.ended {
			for _, r := range run {
				size += len(r.Value)
			}
		}
		if size > cmp.Or(cfg.keptBytes, maxKeptBytes) && !p.onlySkips {
			p.addSkips(kept)
			p.onlySkips, kept = true, nil
		}
		if list := p.judge(run); len(list) > 0 {
			kept = append(kept, list)
		}
		return nil
	})
	p.addSkips(kept)
	if p.onlySkips && err == nil {
		kept = nil
		again := newReplayer(cfg, partitions, decode)
		again.skips, p = p.skips, again
		err = scan(func(run []eventlog.Record) error {
			if err := p.takeAll(p.judge(run)); err != nil || !p.ended {
				return err
			}
			return errEnough
		})
	}
	for _, list := range kept {
		if err == nil {
			err = p.takeAll(list)
		}
	}
	if err != nil && !errors.Is(err, errEnough) {
		return p.done, err
	}
	return p.end(), nil
}

// addSkips adds the skips among records.
func (r *replayer) addSkips(kept [][]judged) {
	_ = r.decoding.Wait() // each record has its own error
	for _, list := range kept {
		for i := range list {
			r.skips.Add(list[i].head.Version, list[i].Data)
		}
	}
}

// judge returns the effective records of a run, and begins to decode them.
func (r *replayer) judge(run []eventlog.Record) []judged {
	var list []judged
	var records []eventlog.Record
	if !r.ended && !r.onlySkips {
		list, records = make([]judged, 0, len(run)), make([]eventlog.Record, 0, len(run))
	}
	for _, record := range run {
		verdict, next, reason := eventlog.Judge(r.judged, record, r.partitions)
		if verdict == eventlog.Effective { // times increase along a chain
			r.ended = r.ended || r.Version > 0 && next.Version > r.Version || !r.Until.IsZero() && next.Time.After(r.Until)
		}
		r.judged = next
		switch {
		case verdict == eventlog.Effective:
			if !r.ended && !r.onlySkips || record.Header("ce_type") == (domain.EventSkipped{}).EventType() {
				list, records = append(list, judged{head: next, beyond: r.ended}), append(records, record)
			}
		case r.ended:
		case verdict == eventlog.Stale:
			r.done.Stale++
		case verdict == eventlog.Invalid:
			r.done.Invalid++
		default:
			r.ended = true
			r.done.Broken = fmt.Sprintf("after version %d: %s", r.judged.Version, reason)
			if record.Offset >= 0 {
				r.done.Broken += fmt.Sprintf(" (partition %d offset %d)", record.Partition, record.Offset)
			}
		}
	}
	const part = 64
	for from := 0; from < len(list); from += part {
		r.decoding.Go(func() error {
			for i := from; i < min(from+part, len(list)); i++ {
				list[i].Recorded, list[i].err = r.decode(records[i])
			}
			return nil
		})
	}
	return list
}

// takeAll folds the records within the bounds.
func (r *replayer) takeAll(list []judged) error {
	_ = r.decoding.Wait() // each record has its own error
	for i := range list {
		if list[i].beyond {
			continue
		}
		if err := r.take(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

// take folds a record and yields its changes.
func (r *replayer) take(record *judged) error {
	r.head = record.head
	r.done.Version, r.done.Time = r.head.Version, r.head.Time
	e, err := &record.Envelope, record.err
	base := Change{
		Version: r.head.Version, Time: r.head.Time, Event: e.Type,
		Actor: e.Audit.Actor, Role: e.Audit.Role, OnBehalfOf: e.Audit.OnBehalfOf,
		CommandID: e.Audit.CommandID, RequestID: e.Audit.RequestID, Hash: hex.EncodeToString(r.head.Hash[:]),
	}
	if base.Skipped = r.skips.LeaveOut(r.head.Version, record.Data); base.Skipped {
		return r.Yield(base)
	}
	var revisions []domain.DashboardRevision
	if err == nil {
		revisions, err = r.fold(record.Data, &base)
	}
	if err != nil {
		base.LostAccess, base.Problem = nil, err.Error()
		r.done.Changes++
		return r.Yield(base)
	}
	if skip, ok := record.Data.(domain.EventSkipped); ok {
		base.Skip = &skip
		return r.Yield(base)
	}
	for i := range revisions {
		if r.Dashboard != "" && r.Dashboard != revisions[i].After.SubAccountID {
			continue
		}
		r.done.Changes++
		if err := r.Yield(base.withDifference(&revisions[i])); err != nil {
			return err
		}
	}
	return nil
}

// fold folds a record's payload by the domain's rules and returns the changed dashboards.
func (r *replayer) fold(data domain.Data, base *Change) ([]domain.DashboardRevision, error) {
	if _, ok := data.(domain.EventSkipped); ok {
		return nil, nil
	}
	event, ok := data.(domain.DashboardEvent)
	if !ok {
		return nil, fmt.Errorf("a record of type %s does not belong to topic %s", base.Event, domain.TopicDashboards)
	}
	change := event.Change()
	base.LostAccess = change.LostAccess
	revisions, err := change.Fold(r.Parent, r.head.Version, r.head.Time, r.dashboards)
	for i := range revisions {
		r.dashboards[revisions[i].After.SubAccountID] = revisions[i].After
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
		c.Scopes = append([]string{}, after.Scopes...) // not nil
	}
	if !slices.Equal(before.MainPOC, after.MainPOC) {
		c.MainPOC = append([]string{}, after.MainPOC...)
	}
	return c
}

func (r *replayer) end() Replayed {
	r.done.State = []domain.Dashboard{}
	head := r.head.Hash
	if r.head.Version == 0 {
		head = eventlog.Genesis(domain.TopicDashboards, r.Parent)
	}
	r.done.Hash = hex.EncodeToString(head[:])
	for _, id := range slices.Sorted(maps.Keys(r.dashboards)) {
		if r.Dashboard == "" || r.Dashboard == id {
			r.done.State = append(r.done.State, r.dashboards[id])
		}
	}
	return r.done
}
