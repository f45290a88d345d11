package proof

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// ReplayConfig says what to replay.
type ReplayConfig struct {
	Parent    string
	Dashboard string    // sub-account; "" for all of the agency
	Until     time.Time // the last instant that counts; zero: no bound
	Version   int64     // the last version that counts; 0: no bound
	// Yield gets each change in the order of the log. Its error ends the replay.
	Yield func(Change) error
}

// Change is what one record changed on one dashboard. Its lists are sorted.
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
	Scopes       []string          `json:"scopes,omitempty"`   // the new ones, when they changed
	MainPOC      []string          `json:"main_poc,omitempty"` // the new ones, when they changed
	After        *domain.Dashboard `json:"after,omitempty"`

	// Problem says why the record cannot be folded; nothing but the envelope is filled then.
	Problem string `json:"problem,omitempty"`
}

// Replayed says how a replay ended.
type Replayed struct {
	Agency  string    `json:"agency"`
	Version int64     `json:"version"` // of the last record that counted; 0: none
	Time    time.Time `json:"time"`
	Hash    string    `json:"hash"` // of that record in its chain, hex; the genesis hash without one
	Changes int64     `json:"changes"`
	Stale   int64     `json:"stale"` // lost races and duplicates, passed over
	// Broken says where and why the chain does not hold; "" when it does. What follows was not replayed.
	Broken string `json:"broken,omitempty"`
	// State is every dashboard (or the one asked for) after the last change, by sub-account.
	State []domain.Dashboard `json:"state"`
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// replayer folds one stream.
type replayer struct {
	ReplayConfig
	fold fold
	head domain.StreamHead
	done Replayed
}

// Replay folds one agency's stream from the log itself, record by record: memory is that of the
// agency's dashboards. It ends at a broken chain, which [Replayed] tells; an error means that the log could not be read.
func Replay(ctx context.Context, src Source, cfg ReplayConfig) (Replayed, error) {
	p := newReplayer(cfg)
	ranges, _, err := src.Ranges(ctx, domain.TopicDashboards)
	if err != nil {
		return p.done, fmt.Errorf("replay: %w", err)
	}
	partitions := int32(len(ranges))
	err = src.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicDashboards, Key: cfg.Parent,
		Handle: each(func(r eventlog.Record) error { return p.add(r, partitions, src.Decode) }),
	})
	if err != nil && !errors.Is(err, errEnough) {
		return p.done, fmt.Errorf("replay: %w", err)
	}
	return p.end(), nil
}

// decoder is [eventlog.Codec.Decode].
type decoder = func(eventlog.Record) (domain.Recorded, error)

// ReplayBundle folds a bundle instead of the log. It proves nothing: [VerifyBundle] does. known are the keys of
// the checkpoint.
func ReplayBundle(in io.Reader, known note.Verifiers, decode decoder, cfg ReplayConfig) (Replayed, error) {
	c, err := beginBundle(in, known)
	if err != nil {
		return Replayed{}, err
	}
	cfg.Parent = c.in.head.Key
	p := newReplayer(cfg)
	partitions := int32(len(c.signed.Positions))
	for {
		line, err := c.in.record()
		if err == nil {
			err = p.add(line.record(cfg.Parent, partitions), partitions, decode)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, errEnough):
			return p.end(), nil
		case err != nil:
			return p.end(), err
		}
	}
}

func newReplayer(cfg ReplayConfig) *replayer {
	return &replayer{ReplayConfig: cfg, fold: newFold(cfg.Parent), done: Replayed{Agency: cfg.Parent}}
}

func (p *replayer) add(r eventlog.Record, partitions int32, decode decoder) error {
	verdict, next, reason := eventlog.Judge(p.head, r, partitions)
	switch {
	case verdict == eventlog.Stale:
		p.done.Stale++
		return nil
	case verdict != eventlog.Effective:
		p.done.Broken = fmt.Sprintf("after version %d: %s", p.head.Version, reason)
		if r.Offset >= 0 {
			p.done.Broken += fmt.Sprintf(" (partition %d offset %d)", r.Partition, r.Offset)
		}
		return errEnough
	case p.Version > 0 && next.Version > p.Version, !p.Until.IsZero() && next.Time.After(p.Until):
		return errEnough // a record's time is later than its predecessor's: none behind it counts
	}
	p.head = next
	p.done.Version, p.done.Time = next.Version, next.Time
	return p.yield(r, decode)
}

func (p *replayer) yield(r eventlog.Record, decode decoder) error {
	recorded, err := decode(r)
	e := recorded.Envelope
	base := Change{
		Version: p.head.Version, Time: p.head.Time, Event: e.Type,
		Actor: e.Audit.Actor, Role: e.Audit.Role, OnBehalfOf: e.Audit.OnBehalfOf,
		CommandID: e.Audit.CommandID, RequestID: e.Audit.RequestID, Hash: fmt.Sprintf("%x", p.head.Hash),
	}
	var made folded
	if err == nil {
		made, err = p.fold.apply(recorded, p.head)
	}
	if err != nil {
		base.Problem = err.Error()
		p.done.Changes++
		return p.Yield(base)
	}
	if event, ok := recorded.Data.(domain.DashboardEvent); ok {
		base.LostAccess = event.Change().LostAccess
	}
	for _, row := range made.rows {
		if p.Dashboard != "" && p.Dashboard != row.SubAccount {
			continue
		}
		p.done.Changes++
		if err := p.Yield(base.of(row)); err != nil {
			return err
		}
	}
	return nil
}

// of fills in what differs between a row's two documents.
func (c Change) of(row HistoryRow) Change {
	after, was := row.After, domain.Dashboard{}
	if row.Before != nil {
		was = *row.Before
	}
	d := domain.DifferenceBetween(row.Before, after)
	c.Dashboard, c.Created, c.After = row.SubAccount, d.Created, &after
	c.Linked, c.Unlinked, c.UsersAdded, c.UsersRemoved = d.Linked, d.Unlinked, d.UsersAdded, d.UsersRemoved
	if d.Created || d.AllowClientChanged {
		c.Allow = &after.AllowClientDashboard
	}
	if !slices.Equal(was.Scopes, after.Scopes) {
		c.Scopes = after.Scopes
	}
	if !slices.Equal(was.MainPOC, after.MainPOC) {
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
	for _, id := range slices.Sorted(maps.Keys(p.fold.dashboards)) {
		if p.Dashboard == "" || p.Dashboard == id {
			p.done.State = append(p.done.State, p.fold.dashboards[id])
		}
	}
	return p.done
}
