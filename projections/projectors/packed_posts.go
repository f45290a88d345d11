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

type unpacking struct{ rest []byte }

func (u *unpacking) take(n int) []byte {
	part := u.rest[:n]
	u.rest = u.rest[n:]
	return part
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

// appendID packs an event id. Nearly all ids are UUIDs in canonical form.
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

// packedPosts contains readings of posts in about 50 bytes each and without pointers. A rebuild
// keeps all readings of a partition until it can compute their steps.
type packedPosts struct {
	series map[agencyPost][]byte
	owners dictionary[packedOwner]
}

// packedOwner contains the fields that are the same in nearly all readings of a series.
type packedOwner struct {
	sub         string
	member      int64
	platform    domain.Platform
	accountType domain.AccountType
}

const (
	packedBackfilled = 1 << iota
	packedEligible
	packedFromZero
	packedPublished
)

func (p *packedPosts) add(r *reading) {
	key := agencyPost{r.SocialAccount, r.external, r.ParentAccount}
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
	figures := [...]*int64{
		r.Likes, r.Comments, r.Shares, r.Views, r.Impressions, r.Reach, r.Clicks, r.Saves, r.AvgWatch,
	}
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

// unpackedTogether is approximately how many readings, of some hundred bytes each, are unpacked at
// a time. They stay unpacked for the rows of several tables, because unpacking takes as long as
// writing the rows of one table.
const unpackedTogether = 16 << 10

// each unpacks the series in key order, several at a time, without erased readings. Each series is
// sorted, contains each instant once, and includes the steps. The ids of a merged post are one
// series; the readings of the ids that do not count are added to others.
func (p *packedPosts) each(
	erased erasures, roots map[agencyPost]agencyPost, others *[]*reading,
) iter.Seq[[][]*reading] {
	return func(yield func([][]*reading) bool) {
		var together [][]*reading
		readings, merged := 0, map[agencyPost]map[agencyPost][]*reading{}
		for key, root := range roots {
			if p.series[key] == nil {
				continue
			}
			if merged[root] == nil {
				merged[root] = map[agencyPost][]*reading{}
			}
			merged[root][key] = p.unpack(key, erased.until(accountSeries{key.account, key.parent}))
		}
		for _, key := range slices.SortedFunc(maps.Keys(p.series), agencyPost.compare) {
			series, ids := []*reading(nil), merged[roots[key]]
			switch _, ofMerged := roots[key]; {
			case !ofMerged:
				series = p.unpack(key, erased.until(accountSeries{key.account, key.parent}))
			case ids != nil:
				var rest []*reading
				series, rest = countedReadings(roots[key], ids)
				*others = append(*others, rest...)
				delete(merged, roots[key])
			}
			if takeSteps(series); len(series) > 0 {
				together, readings = append(together, series), readings+len(series)
			}
			if readings >= unpackedTogether {
				if !yield(together) {
					return
				}
				together, readings = nil, 0
			}
		}
		yield(together)
	}
}

func (p *packedPosts) unpack(key agencyPost, from time.Time) (series []*reading) {
	for packed := (unpacking{p.series[key]}); len(packed.rest) > 0; {
		if r := p.unpackOne(key, &packed); !r.at.Before(from) {
			series = append(series, r)
		}
	}
	slices.SortFunc(series, func(a, b *reading) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.eventID, b.eventID))
	})
	return slices.CompactFunc(series, func(a, b *reading) bool { return a.at.Equal(b.at) })
}

func takeSteps(series []*reading) {
	var w stepper
	for _, r := range series {
		w.step(r)
	}
}

func (p *packedPosts) unpackOne(key agencyPost, packed *unpacking) *reading {
	flags, has := packed.byte(), packed.uvarint()
	at, owner := time.UnixMicro(packed.varint()).UTC(), p.owners.list[packed.uvarint()]
	unpacked := struct { // a single allocation for the reading and its figures
		reading
		figures     [9]int64
		publishedAt time.Time
	}{reading: reading{
		Tenant: domain.Tenant{
			ParentAccount: key.parent, AccountID: owner.sub, MemberID: owner.member, SocialAccount: key.account,
		},
		platform: owner.platform, accountType: owner.accountType, external: key.external, at: at, eventID: packed.id(),
		backfilled: flags&packedBackfilled != 0, eligible: flags&packedEligible != 0,
		fromZero: flags&packedFromZero != 0,
	}}
	r := &unpacked.reading
	if flags&packedPublished != 0 {
		unpacked.publishedAt = time.UnixMicro(packed.varint()).UTC()
		r.published = &unpacked.publishedAt
	}
	for n, to := range []**int64{
		&r.Likes, &r.Comments, &r.Shares, &r.Views, &r.Impressions, &r.Reach, &r.Clicks, &r.Saves, &r.AvgWatch,
	} {
		if has&(1<<n) != 0 {
			unpacked.figures[n] = packed.varint()
			*to = &unpacked.figures[n]
		}
	}
	return r
}
