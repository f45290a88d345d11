package projectors

import (
	"cmp"
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// unpacking is what is left of a packed series.
type unpacking struct{ rest []byte }

func (u *unpacking) take(n int) []byte {
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

func (u *unpacking) byte() byte { return u.take(1)[0] }

func (u *unpacking) varint() int64 {
	v, n := binary.Varint(u.rest)
	u.rest = u.rest[n:]
	return v
}

func (u *unpacking) uvarint() uint64 {
	v, n := binary.Uvarint(u.rest)
	u.rest = u.rest[n:]
	return v
}

// appendID packs an event id: nearly all are UUIDs, as they are always written.
func appendID(b []byte, id string) []byte {
	if packed, err := uuid.Parse(id); err == nil && packed.String() == id {
		return append(append(b, 0), packed[:]...)
	}
	return append(binary.AppendUvarint(b, uint64(len(id))), id...)
}

func (u *unpacking) id() string {
	if n := u.uvarint(); n > 0 {
		return string(u.take(int(n)))
	}
	return uuid.UUID(u.take(len(uuid.UUID{}))).String()
}

// packedPosts holds readings of posts in some 50 bytes each, and without pointers: a rebuild keeps all of a partition
// until their steps can be made.
type packedPosts struct {
	series map[agencyPost][]byte
	owners dictionary[packedOwner]
}

// packedOwner is what nearly all readings of a series have in common.
type packedOwner struct {
	sub         string
	member      int64
	platform    domain.Platform
	accountType domain.AccountType
}

// What a packed reading has.
const (
	packedBackfilled = 1 << iota
	packedEligible
	packedFromZero
	packedPublished
)

// add packs a reading, without its step.
func (p *packedPosts) add(r *reading) {
	key := agencyPost{postKey{r.SocialAccount, r.external}, r.ParentAccount}
	var flags byte
	for _, f := range []struct {
		has  bool
		flag byte
	}{
		{r.backfilled, packedBackfilled},
		{r.eligible, packedEligible},
		{r.fromZero, packedFromZero},
		{r.published != nil, packedPublished},
	} {
		if f.has {
			flags |= f.flag
		}
	}
	figures := [...]*int64{r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks, r.Saves, r.AvgWatch}
	var has uint64
	for i, v := range figures {
		if v != nil {
			has |= 1 << i
		}
	}
	b := p.series[key]
	b = binary.AppendUvarint(append(b, flags), has)
	b = binary.AppendVarint(b, r.at.UnixMicro())
	b = binary.AppendUvarint(b, p.owners.place(packedOwner{r.AccountID, r.MemberID, r.platform, r.accountType}))
	b = appendID(b, r.eventID)
	if r.published != nil {
		b = binary.AppendVarint(b, r.published.UnixMicro())
	}
	for _, v := range figures {
		if v != nil {
			b = binary.AppendVarint(b, *v)
		}
	}
	p.series[key] = b
}

// unpackedTogether is about how many readings are unpacked at a time, some hundred bytes each: rows of several tables are made
// of them, and unpacking costs as much as the rows of a table.
const unpackedTogether = 16 << 10

// unpacked is room for the readings of some series.
type unpacked struct {
	readings  []reading
	figures   [][9]int64
	published []time.Time
	ends      []int // of the series, among the readings
	sorted    []*reading
	series    [][]*reading
}

// each unpacks the series in the order of their keys, some at a time, without what is erased, each sorted, each instant once, with its
// steps. They are good until the next ones.
func (p *packedPosts) each(erased erasures) iter.Seq[[][]*reading] {
	return func(yield func([][]*reading) bool) {
		keys := slices.SortedFunc(maps.Keys(p.series), func(a, b agencyPost) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.external, b.external), cmp.Compare(a.parent, b.parent))
		})
		var room unpacked
		for i, key := range keys {
			begin, until := len(room.readings), erased.until(accountSeries{key.account, key.parent})
			for packed := (unpacking{p.series[key]}); len(packed.rest) > 0; {
				p.unpackOne(key, until, &packed, &room)
			}
			if len(room.readings) > begin {
				room.ends = append(room.ends, len(room.readings))
			}
			if len(room.readings) < unpackedTogether && i+1 < len(keys) {
				continue
			}
			if !yield(room.steps()) {
				return
			}
			room.readings, room.figures, room.published, room.ends = room.readings[:0], room.figures[:0], room.published[:0], room.ends[:0]
		}
	}
}

// steps makes the series of what is unpacked, now that it stays where it is.
func (u *unpacked) steps() [][]*reading {
	u.sorted, u.series = u.sorted[:0], u.series[:0]
	for i := range u.readings {
		r, f := &u.readings[i], &u.figures[i]
		for n, to := range []**int64{&r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks, &r.Saves, &r.AvgWatch} {
			if *to != nil {
				*to = &f[n]
			}
		}
		if r.published != nil {
			r.published = &u.published[i]
		}
		u.sorted = append(u.sorted, r)
	}
	begin := 0
	for _, end := range u.ends {
		series := u.sorted[begin:end]
		slices.SortFunc(series, func(a, b *reading) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.eventID, b.eventID)) })
		series = slices.CompactFunc(series, func(a, b *reading) bool { return a.at.Equal(b.at) })
		var w walk
		for _, r := range series {
			w.step(r)
		}
		u.series, begin = append(u.series, series), end
	}
	return u.series
}

// present marks a figure that a reading has until it is known where it stands.
var present = new(int64)

func (p *packedPosts) unpackOne(key agencyPost, until time.Time, packed *unpacking, room *unpacked) {
	flags, has := packed.byte(), packed.uvarint()
	at := time.UnixMicro(packed.varint()).UTC()
	owner := p.owners.list[packed.uvarint()]
	id := packed.id()
	r := reading{
		Tenant:   domain.Tenant{ParentAccount: key.parent, AccountID: owner.sub, MemberID: owner.member, SocialAccount: key.account},
		platform: owner.platform, accountType: owner.accountType, external: key.external, at: at, eventID: id,
		backfilled: flags&packedBackfilled != 0, eligible: flags&packedEligible != 0, fromZero: flags&packedFromZero != 0,
	}
	var published time.Time
	if flags&packedPublished != 0 {
		published = time.UnixMicro(packed.varint()).UTC()
		r.published = &published
	}
	var figures [9]int64
	for n, to := range []**int64{&r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks, &r.Saves, &r.AvgWatch} {
		if has&(1<<n) != 0 {
			figures[n], *to = packed.varint(), present
		}
	}
	if at.Before(until) {
		return
	}
	room.readings, room.figures, room.published = append(room.readings, r), append(room.figures, figures), append(room.published, published)
}
