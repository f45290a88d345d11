package projections_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/projections/fold"
)

// drawing fills a log with records that a topic can contain, valid or not.
type drawing struct {
	*rapid.T
	log       *memLog
	projector fold.Projector
	positions map[string][]domain.Position // by key
	chains    map[string]*chain
	n         int
}

func drawLog(t *rapid.T, codec eventlog.Codec, p fold.Projector) *memLog {
	d := &drawing{T: t, log: newMemLog(codec, p.Topic), projector: p, positions: map[string][]domain.Position{}, chains: map[string]*chain{}}
	step := map[string]func(){ // draws the next record
		domain.TopicDashboards: d.dashboards, domain.TopicMetrics: d.metrics,
		domain.TopicDirectory: d.directory, domain.TopicContents: d.contents, domain.TopicOperations: d.operations,
	}[p.Topic]
	for d.n = range rapid.IntRange(1, 25).Draw(t, "records") {
		step()
	}
	return d.log
}

func (d *drawing) pick(label string, n int) int { return rapid.IntRange(0, n-1).Draw(d.T, label) }

// id returns an event id; the database refuses ids that end in "!".
func (d *drawing) id() string {
	if d.pick("refused", 12) == 0 {
		return fmt.Sprintf("e%d!", d.n)
	}
	return fmt.Sprintf("e%d", d.n)
}

// put appends a record to the partition of its key, sometimes twice, like a retried append. A
// record that the database refuses is appended once: its copy would be stale and write nothing.
func (d *drawing) put(key string, r eventlog.Record) {
	again := d.pick("again", 8) / 7
	if slices.ContainsFunc(r.Headers, func(h eventlog.Header) bool { return h.Key == "ce_id" && strings.HasSuffix(string(h.Value), "!") }) {
		again = 0
	}
	for range 1 + again {
		d.positions[key] = append(d.positions[key], d.log.put(r))
	}
}

// operator draws a skip of an earlier record of the key, or of any other record.
func (d *drawing) operator(key string) domain.Data {
	from := d.positions[key]
	if d.pick("elsewhere", 8) == 0 {
		from = nil
		for _, k := range []string{agencyA, agencyB, "1", "2", "category:1", "-"} {
			from = append(from, d.positions[k]...)
		}
	}
	if len(from) == 0 {
		return skip(domain.Position{Topic: d.log.topic})
	}
	return skip(from[d.pick("position", len(from))])
}

// record encodes a draft of an unchained topic and may corrupt it.
func (d *drawing) record(key string, data domain.Data) {
	d.draft(draft(d.log.topic, key, d.id(), data))
}

func (d *drawing) draft(record domain.Draft) {
	key := record.Key
	r, err := d.log.Encode(record)
	if err != nil {
		panic(err)
	}
	switch d.pick("spoil", 10) {
	case 0:
		r = withValue(r, `{"id":`)
	case 1:
		r = withHeader(r, "ce_type", []byte("new.type.v1"))
	}
	d.put(key, r)
}

// metrics draws readings that collide: two agencies read one page, some figures have many gaps,
// instants repeat.
func (d *drawing) metrics() {
	social := int64(d.pick("social", 2) + 1)
	key := strconv.FormatInt(social, 10)
	hour := day0.Add(time.Duration(d.pick("hour", 5)*d.pick("apart", 9)) * time.Hour)
	value := int64(d.pick("value", 50))
	tenant := tenantOf(social)
	if d.pick("agency", 3) == 0 {
		tenant.ParentAccount, tenant.AccountID = agencyB, client2
	}
	figure := func(label string) *int64 {
		if d.pick(label+" absent", 2) == 0 {
			return nil
		}
		return new(value + int64(d.pick(label, 9)))
	}
	switch d.pick("what", 6) {
	case 0:
		d.record(key, d.operator(key))
	case 5:
		d.record(key, domain.AccountErased{ParentAccount: tenant.ParentAccount, SocialAccount: social, Platform: domain.Facebook, ErasedAt: hour})
	case 1:
		d.record(key, domain.AccountRead{
			Tenant: tenant, Platform: domain.Facebook, CapturedAt: hour,
			Figures: []domain.Figure{{Name: domain.MetricFollowers, Kind: domain.Stock, Value: value}},
		})
	case 2:
		d.record(key, domain.PostRegistered{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: "p", Origin: domain.OriginMainApp,
			RegisteredAt: hour, PostType: fmt.Sprint(value),
		})
	default:
		d.record(key, domain.PostRead{
			Tenant: tenant, Platform: domain.Facebook, ExternalID: "p", CapturedAt: hour,
			GrowthEligible: value%3 > 0, GrowthWindow: "168h0m0s", FromZero: value%2 > 0,
			Counts: domain.Counts{Likes: figure("likes"), Comments: figure("comments"), Shares: figure("shares")},
		})
	}
}

// contents draws the content of two posts, including tombstones, in any order of time.
func (d *drawing) contents() {
	post := domain.PostRef{ParentAccount: agencyA, SocialAccount: 1, ExternalID: fmt.Sprint("p", d.pick("post", 2))}
	origin := []domain.PostOrigin{domain.OriginListing, domain.OriginMainApp}[d.pick("origin", 2)]
	key := post.ContentKey(origin)
	at := day0.Add(time.Duration(d.pick("hour", 4)) * time.Hour)
	content := domain.PostContent{PostRef: post, AccountID: []string{agencyA, agencyB}[d.pick("client", 2)], Origin: origin, PostTexts: domain.PostTexts{Content: fmt.Sprint(d.pick("text", 3))}}
	drawn := draft(d.log.topic, key, d.id(), content)
	switch d.pick("what", 7) {
	case 0:
		d.record(key, d.operator(key))
		return
	case 2:
		drawn.Data, drawn.Envelope.Type = nil, content.EventType()
	}
	drawn.Envelope.Time = at
	d.draft(drawn)
}

func (d *drawing) directory() {
	id := int64(d.pick("category", 3) + 1)
	key := domain.DirectoryKey(domain.KindCategory, strconv.FormatInt(id, 10))
	at := day0.Add(time.Duration(d.pick("at", 6)) * time.Hour)
	switch d.pick("what", 6) {
	case 0:
		d.record(key, d.operator(key))
	case 1:
		erased := categoryErased(id)
		erased.Envelope.Time = at
		d.draft(erased)
	case 2:
		d.record(key, domain.DirectoryCategory{ID: id + 1, Name: "under another's key"})
	default:
		entity := category(id, fmt.Sprint("name ", d.n))
		entity.Envelope.Time = at
		d.draft(entity)
	}
}

func (d *drawing) operations() {
	switch d.pick("what", 4) {
	case 0:
		d.record("-", d.operator("-"))
	case 1:
		d.record("-", domain.ProjectionPaused{Projection: "x"})
	default:
		d.record("-", domain.ConnectionStateChanged{
			ConnectionID: int64(d.pick("connection", 2)), Platform: domain.TikTok, State: fmt.Sprint(d.n),
			At: day0.Add(time.Duration(d.pick("at", 3)) * time.Hour),
		})
	}
}

// idempotencyKeys include keys that a rebuild can pack and keys that it cannot.
var idempotencyKeys = []string{
	"", "plain words", "Zürich", "0198e6a2-7c4f-7d11-9a53-0f6b2c8d9e10", "0198E6A2-7C4F-7D11-9A53-0F6B2C8D9E10",
	"{0198e6a2-7c4f-7d11-9a53-0f6b2c8d9e10}", "00ff", "00FF", "0ff", strings.Repeat("ab", 32), strings.Repeat("x", 300),
}

func (d *drawing) dashboards() {
	key := []string{agencyA, agencyB, agenciesIn(1, 1)[0]}[d.pick("agency", 3)]
	if d.chains[key] == nil {
		d.chains[key] = &chain{codec: d.log.Codec, key: key, opened: map[string]bool{}}
	}
	c := d.chains[key]
	account := []string{client1, client2}[d.pick("account", 2)]
	changed := c.lost(account, []string{fmt.Sprint("left ", d.n)}, fmt.Sprint("user ", d.n))
	named := func(dr *domain.Draft) {
		dr.Envelope.ID = d.id()
		dr.Envelope.Audit.IdempotencyKey = rapid.SampledFrom(idempotencyKeys).Draw(d.T, "idempotency key")
		dr.Envelope.Audit.RequestDigest = rapid.SampledFrom(idempotencyKeys).Draw(d.T, "digest")
	}
	late := func(dr *domain.Draft) { // more than a day later: commands are forgotten
		dr.Envelope.Time = dr.Envelope.Time.Add(time.Duration(d.n) * 10 * time.Hour)
	}
	home := eventlog.PartitionOf([]byte(key), int32(len(d.log.partitions)))
	switch d.pick("what", 12) {
	case 0, 1:
		d.put(key, c.next(d.operator(key), late))
	case 2:
		d.put(key, c.spoilt(`{`))
	case 3:
		d.put(key, c.retyped("dashboard.new.v1"))
	case 4: // a lost race
		loser := c.clone()
		d.put(key, c.next(changed, named, late))
		d.put(key, loser.next(changed, late))
	case 5: // forged
		forger := c.clone()
		forger.head.Hash[3] ^= 1
		d.put(key, forger.next(changed, late))
	case 6: // in a wrong partition
		elsewhere := d.log.add(c.clone().next(changed, late), (home+1)%int32(len(d.log.partitions)))
		d.positions[key] = append(d.positions[key], elsewhere)
	case 7: // of another topic, but in order
		d.put(key, c.next(domain.DirectoryCategory{ID: 1, Name: "x"}, late))
	default:
		d.put(key, c.next(changed, named, late))
	}
}
