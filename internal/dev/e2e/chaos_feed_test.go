//go:build e2e

package e2e_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// chaosFeed appends to the log what the demo's own ticks do not bring: late readings, duplicates, two
// readings of one instant, a page that two agencies have connected, posts told of twice, entities and texts
// that come and go, accounts whose texts or figures are erased, lost races of dashboards. Records are made by hand from the documented wire format.
type chaosFeed struct {
	world    *chaosWorld
	foreign  string // the other agency
	ourSub   string
	theirSub string
	rng      *rand.Rand
	gate     *chaosGate
	from     time.Time // capture times lie on a grid from here on

	mu       sync.Mutex
	recent   []*kgo.Record // acknowledged ones, to be sent again
	unsure   []*kgo.Record // handed over and not acknowledged: a careful importer repeats them
	acked    map[string]map[int32]map[int64]string
	races    []*kgo.Record // records of dashboards, to be sent again as lost races
	accounts int
	batches  int
	sent     int
}

const (
	chaosPages     = 6   // made-up social accounts
	chaosPostsEach = 8   // posts of each
	chaosSlots     = 240 // instants at which they may be read: few, so that readings meet
	chaosSlot      = 30 * time.Minute
	chaosTampered  = "0000000000000000c4a05c4a" // the agency whose stream is tampered with; nobody has it
	chaosNewSubs   = 6                          // sub-accounts that join while the test runs
	chaosTamperAt  = 40                         // the batch with which a stream is tampered with
	chaosNewcomer  = "c4a05"                    // their ids begin so, and those of their users
)

// newChaosProducer returns the producer of one life. A record that was on its way when the broker was
// killed has no outcome before the next life answers: where there is none, only closing ends the wait.
func newChaosProducer(brokers []string) (*kgo.Client, error) {
	return kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RequiredAcks(kgo.AllISRAcks()), kgo.RecordDeliveryTimeout(10*time.Second))
}

// run feeds until ctx is done, and closes the producer. An append that fails is no fault: the broker was killed.
func (f *chaosFeed) run(ctx context.Context, cl *kgo.Client) {
	defer cl.Close()
	for f.gate.enter() {
		if ctx.Err() != nil { // the gate was opened for the next life
			f.gate.leave()
			return
		}
		f.send(ctx, cl, f.batch())
		f.gate.leave()
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(20+f.rng.IntN(80)) * time.Millisecond):
		}
	}
}

func (f *chaosFeed) send(ctx context.Context, cl *kgo.Client, batch []*kgo.Record) {
	results := cl.ProduceSync(ctx, batch...)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsure = nil
	for _, r := range results {
		again := &kgo.Record{Topic: r.Record.Topic, Key: r.Record.Key, Value: r.Record.Value, Headers: r.Record.Headers}
		if r.Err != nil {
			f.unsure = append(f.unsure, again)
			continue
		}
		f.sent++
		f.note(r.Record)
		if f.rng.IntN(10) == 0 {
			f.recent = append(f.recent, again)
		}
	}
	f.recent = f.recent[max(0, len(f.recent)-300):]
}

func (f *chaosFeed) note(r *kgo.Record) {
	if f.acked[r.Topic] == nil {
		f.acked[r.Topic] = map[int32]map[int64]string{}
	}
	if f.acked[r.Topic][r.Partition] == nil {
		f.acked[r.Topic][r.Partition] = map[int64]string{}
	}
	f.acked[r.Topic][r.Partition][r.Offset] = string(r.Headers[0].Value)
}

// judge demands that every acknowledged record lies where the acknowledgement said.
func (f *chaosFeed) judge(l *chaosLog) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for topic, partitions := range f.acked {
		for p, offsets := range partitions {
			for offset, id := range offsets {
				if known := l.topics[topic][p]; offset >= int64(len(known)) || known[offset].id != id {
					return fmt.Errorf("the log has lost an acknowledged record: event %s at %s/%d@%d", id, topic, p, offset)
				}
			}
		}
	}
	f.acked = map[string]map[int32]map[int64]string{} // reread watches over them from here on
	f.races = nil
	for _, records := range l.topics["dashboards"] {
		for _, r := range records[max(0, len(records)-50):] {
			f.races = append(f.races, &kgo.Record{Topic: r.topic, Key: []byte(r.key), Value: r.value, Headers: r.headers})
		}
	}
	return nil
}

// batch makes the next records: mostly a few, now and then more than one transaction's worth.
func (f *chaosFeed) batch() []*kgo.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := slices.Clone(f.unsure)
	n := 5 + f.rng.IntN(40)
	if f.rng.IntN(15) == 0 {
		n = 900
	}
	for range n {
		switch dice := f.rng.IntN(100); {
		case dice < 50:
			batch = append(batch, f.postRead())
		case dice < 70:
			batch = append(batch, f.accountRead())
		case dice < 76:
			batch = append(batch, f.postRegistered())
		case dice < 80:
			batch = append(batch, f.said())
		case dice < 84 && len(f.recent) > 0:
			again := *f.recent[f.rng.IntN(len(f.recent))]
			batch = append(batch, &again)
		case dice < 96:
			batch = append(batch, f.entity())
		default:
			batch = append(batch, f.connectionState())
		}
	}
	if f.rng.IntN(5) == 0 {
		at := f.rng.IntN(1 + len(batch)) // among readings
		batch = slices.Insert(batch, at, f.figuresErased())
	}
	if len(f.races) > 0 && f.rng.IntN(3) == 0 {
		batch = append(batch, f.lostRace())
	}
	if f.accounts < chaosNewSubs && f.rng.IntN(20) == 0 {
		batch = append(batch, f.newSub()...)
	}
	if f.batches++; f.batches == chaosTamperAt {
		batch = append(batch, f.tamper()...)
	}
	return batch
}

// record makes a record of an event by hand. The first header is its id.
func (f *chaosFeed) record(topic, key, kind string, payload map[string]any) *kgo.Record {
	value, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	id := uuid.Must(uuid.NewRandomFromReader(chaosBytes{f.rng})).String()
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: value}
	for _, h := range [][2]string{
		{"ce_id", id},
		{"ce_source", "/chaos"},
		{"ce_specversion", "1.0"},
		{"ce_subject", key},
		{"ce_time", chaosTime(time.Now())},
		{"ce_type", kind},
		{"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// chaosBytes reads from a seeded generator.
type chaosBytes struct{ rng *rand.Rand }

func (b chaosBytes) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b.rng.Uint32())
	}
	return len(p), nil
}

func chaosTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// page is a made-up social account and the tenant that reads it: mostly ours, sometimes another agency
// that has connected the same page.
func (f *chaosFeed) page() (key string, payload map[string]any) {
	n := f.rng.IntN(chaosPages)
	payload = map[string]any{
		"parent_account": f.world.parent, "account_id": f.ourSub, "member_id": 990000 + n,
		"social_account_id": 990000 + n, "p_id": []int{1, 3, 4, 6}[n%4],
	}
	if n%4 == 2 {
		payload["a_type"] = 1 + n%2
	}
	if f.rng.IntN(6) == 0 {
		payload["parent_account"], payload["account_id"], payload["member_id"] = f.foreign, f.theirSub, 995000+n
	}
	return fmt.Sprint(990000 + n), payload
}

func (f *chaosFeed) slot() time.Time {
	return f.from.Add(time.Duration(f.rng.IntN(chaosSlots)) * chaosSlot)
}

func (f *chaosFeed) postRead() *kgo.Record {
	key, payload := f.page()
	payload["external_id"] = fmt.Sprintf("chaos-%d", f.rng.IntN(chaosPostsEach))
	payload["captured_at"] = f.slot()
	payload["growth_eligible"] = f.rng.IntN(4) > 0
	payload["growth_window"], payload["subscription_active"] = "168h0m0s", true
	if f.rng.IntN(3) == 0 {
		payload["backfilled"] = true
	}
	for _, name := range []string{"likes", "comments", "shares", "views", "impressions", "reach", "clicks"} {
		payload[name] = nil
		if f.rng.IntN(8) > 0 {
			payload[name] = f.rng.IntN(10_000)
		}
	}
	for _, name := range []string{"saves", "avg_watch_ms"} { // left out where they are absent
		if f.rng.IntN(3) > 0 {
			payload[name] = f.rng.IntN(10_000)
		}
	}
	return f.record("metrics", key, "metrics.post_read.v1", payload)
}

func (f *chaosFeed) accountRead() *kgo.Record {
	key, payload := f.page()
	at := f.slot()
	payload["captured_at"] = at
	figures := []map[string]any{
		{"name": "followers", "kind": "stock", "value": f.rng.IntN(100_000), "source": "followers_count"},
		{"name": "likes", "kind": "cumulative", "value": f.rng.IntN(100_000), "source": "likes_count"},
		{"name": "reach", "kind": "rolling", "value": f.rng.IntN(100_000), "source": "reach", "window": "days_28"},
	}
	for back := range f.rng.IntN(3) {
		figures = append(figures, map[string]any{
			"name": "views", "kind": "day_flow", "value": f.rng.IntN(1000), "source": "page_media_view",
			"day": at.AddDate(0, 0, back-1).Format(time.DateOnly),
		})
	}
	payload["figures"] = figures
	if f.rng.IntN(3) == 0 {
		payload["missing"] = []map[string]any{{"name": "impressions", "reason": "unsupported"}, {"name": "clicks", "reason": "error", "detail": `say "no"`}}
		payload["demographics"] = []map[string]any{{"facet": "country", "values": map[string]int{"DE": f.rng.IntN(99), "FR": 1}}}
	}
	return f.record("metrics", key, "metrics.account_read.v1", payload)
}

func (f *chaosFeed) postRegistered() *kgo.Record {
	key, payload := f.page()
	payload["external_id"] = fmt.Sprintf("chaos-%d", f.rng.IntN(chaosPostsEach))
	payload["origin"] = []string{"listing", "main_app"}[f.rng.IntN(2)]
	payload["registered_at"] = f.slot()
	if f.rng.IntN(2) == 0 {
		payload["published_at"] = f.slot()
	}
	if f.rng.IntN(2) == 0 {
		payload["c_id"] = 1 + f.rng.IntN(6)
	}
	for _, name := range []string{"post_type"} {
		if f.rng.IntN(2) == 0 {
			payload[name] = fmt.Sprintf("%s – \"%d\"\n", name, f.rng.IntN(1000))
		}
	}
	return f.record("metrics", key, "metrics.post_registered.v1", payload)
}

// entity puts or erases an entity that no decision looks at.
func (f *chaosFeed) entity() *kgo.Record {
	n := 1 + f.rng.IntN(40)
	var key, kind string
	var payload map[string]any
	switch f.rng.IntN(3) {
	case 0:
		key, kind = fmt.Sprintf("session:chaos-%d", n), "directory.session.v1"
		payload = map[string]any{"id": fmt.Sprintf("chaos-%d", n), "user_id": f.world.foreign[0].ID, "login_at": f.slot()}
	case 1:
		key, kind = fmt.Sprintf("category:%d", 900+n), "directory.category.v1"
		payload = map[string]any{"id": 900 + n, "name": fmt.Sprintf("Category %d", f.rng.IntN(1000))}
	default:
		key, kind = fmt.Sprintf("subscription:%d", 900_000+n), "directory.subscription.v1"
		payload = map[string]any{
			"id": 900_000 + n, "account_id": fmt.Sprintf("%024x", n), "plan": "chaos", "starts_at": f.slot(), "price_minor": f.rng.IntN(9999),
		}
	}
	r := f.record("directory", key, kind, payload)
	if f.rng.IntN(4) == 0 {
		chaosBury(r)
	}
	return r
}

// chaosBury makes a record a tombstone: it has no payload and no content type.
func chaosBury(r *kgo.Record) {
	r.Value = nil
	r.Headers = slices.DeleteFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == "content-type" })
}

// chaosSetTime makes a record one of another time.
func chaosSetTime(r *kgo.Record, at time.Time) {
	for i, h := range r.Headers {
		if h.Key == "ce_time" {
			r.Headers[i].Value = []byte(chaosTime(at))
		}
	}
}

// said says what a post says, or erases it, in any order of time.
func (f *chaosFeed) said() *kgo.Record {
	social, page := f.page()
	origin, post := []string{"listing", "main_app"}[f.rng.IntN(2)], fmt.Sprintf("chaos-%d", f.rng.IntN(chaosPostsEach))
	payload := map[string]any{
		"parent_account": page["parent_account"], "account_id": page["account_id"], "social_account_id": page["social_account_id"],
		"external_id": post, "origin": origin,
	}
	for _, name := range []string{"content", "media_url", "permalink"} {
		if f.rng.IntN(3) > 0 {
			payload[name] = fmt.Sprintf("%s – \"%d\"\n", name, f.rng.IntN(3))
		}
	}
	r := f.record("contents", fmt.Sprintf("%s:%s:%s:%s", page["parent_account"], origin, social, post), "contents.post.v1", payload)
	chaosSetTime(r, f.slot())
	if f.rng.IntN(6) == 0 {
		chaosBury(r)
	}
	return r
}

// figuresErased erases what an agency read of an account up to an instant, before and after which readings are left to come: the
// instants grow with the run.
func (f *chaosFeed) figuresErased() *kgo.Record {
	key, page := f.page()
	return f.record("metrics", key, chaosErased, map[string]any{
		"parent_account": page["parent_account"], "account_id": page["account_id"], "social_account_id": page["social_account_id"], "p_id": page["p_id"],
		"erased_at": f.from.Add(time.Duration(f.rng.IntN(1+min(f.batches, chaosSlots*3/4))) * chaosSlot),
	})
}

func (f *chaosFeed) connectionState() *kgo.Record {
	return f.record("operations", f.world.parent, "operations.connection_state_changed.v1", map[string]any{
		"connection_id": 990_000 + f.rng.IntN(10), "p_id": 1, "state": []string{"ok", "reconnect"}[f.rng.IntN(2)],
		"reason": "chaos", "at": f.slot(),
	})
}

// lostRace repeats a record of a dashboards stream: as it was, as the retry of a producer does, or with
// another writer's content in place of it. Both are stale.
func (f *chaosFeed) lostRace() *kgo.Record {
	again := *f.races[f.rng.IntN(len(f.races))]
	again.Headers = slices.Clone(again.Headers)
	if f.rng.IntN(2) == 0 {
		for i, h := range again.Headers {
			if h.Key == "ce_commandid" || h.Key == "ce_requestid" {
				again.Headers[i].Value = []byte(fmt.Sprintf("lost-race-%d", f.rng.Uint32()))
			}
		}
	}
	// The id is expected in the first header.
	slices.SortStableFunc(again.Headers, func(a, b kgo.RecordHeader) int {
		return strings.Compare(chaosIDFirst(a.Key), chaosIDFirst(b.Key))
	})
	return &again
}

func chaosIDFirst(name string) string {
	if name == "ce_id" {
		return ""
	}
	return name
}

// newSub lets a client with one user join our agency.
func (f *chaosFeed) newSub() []*kgo.Record {
	f.accounts++
	sub, user := fmt.Sprintf(chaosNewcomer+"acc%016x", f.rng.Uint64()), fmt.Sprintf(chaosNewcomer+"be2%016x", f.rng.Uint64())
	f.world.grow(sub, userInfo{ID: user, Account: sub})
	return []*kgo.Record{
		f.record("directory", "account:"+sub, "directory.account.v1", map[string]any{
			"id": sub, "row_id": 9900 + f.accounts, "parent_account": f.world.parent, "name": "Newcomer", "active": true,
		}),
		f.record("directory", "user:"+user, "directory.user.v1", map[string]any{
			"id": user, "account_id": sub, "name": "New user", "is_owner": true, "active": true, "reset_pending": false,
		}),
	}
}

// tamper writes a stream of an agency that does not exist: three honest records, a lost race, one that
// does not follow from its predecessor, and one that follows honestly. The program must take the first
// three, park the fifth as broken and the sixth behind it, and go on with everything else.
func (f *chaosFeed) tamper() []*kgo.Record {
	parent := chaosTampered
	sub, head := fmt.Sprintf("%024x", 0xc4a05), chaosHead{hash: chaosGenesis("dashboards", parent)}
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)
	record := func(prev chaosHead, users []string, created bool) (*kgo.Record, chaosHead) {
		payload := map[string]any{
			"primary": sub, "linked": []string{sub}, "users": users, "allow_client_dashboard": false,
			"scopes": []string{"posts"}, "main_poc": map[string][]string{sub: {}},
		}
		if created {
			payload["created"] = map[string]string{sub: fmt.Sprintf("%024x", f.rng.Uint64())}
		}
		r := f.record("dashboards", parent, "dashboard.users_changed.v1", payload)
		at = at.Add(time.Millisecond)
		chaosSetTime(r, at)
		for _, h := range [][2]string{
			{"ce_actor", sub},
			{"ce_actorrole", "agency"},
			{"ce_commandid", uuid.NewString()},
			{"ce_requestid", uuid.NewString()},
			{"ce_chainversion", fmt.Sprint(prev.version + 1)},
			{"ce_chainprev", hex.EncodeToString(prev.hash)},
		} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		return r, chaosHead{prev.version + 1, chaosHash(prev.hash, "dashboards", parent, r.Headers, r.Value), at}
	}
	r1, first := record(head, []string{"a", "b"}, true)
	r2, second := record(first, []string{"a", "b", "c"}, false)
	r3, third := record(second, []string{"b", "c", "d", "a"}, false)
	lost, _ := record(second, []string{}, false)
	forged := third
	forged.hash = slices.Clone(third.hash)
	forged.hash[0] ^= 1
	broken, _ := record(forged, []string{"a"}, false)
	behind, _ := record(third, []string{"a", "b", "c", "d", "e"}, false)
	return []*kgo.Record{r1, r2, r3, lost, broken, behind}
}
