package projectors

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// packedAccounts contains readings of accounts in about ten bytes per figure and without pointers.
// A rebuild keeps all readings of a partition, because a later event may replace any of them.
type packedAccounts struct {
	series  map[accountSeries][]byte
	owners  dictionary[packedOwner]
	figures dictionary[domain.Figure] // without value and day
	days    dictionary[string]        // of figures; "" for figures without a day
	lists   dictionary[string]        // missing metrics, as JSON
}

// accountSeries identifies the readings of one account for one agency.
type accountSeries struct {
	account int64
	parent  string
}

func (k accountSeries) compare(o accountSeries) int {
	return cmp.Or(cmp.Compare(k.account, o.account), cmp.Compare(k.parent, o.parent))
}

// dictionary assigns numbers to frequent values.
type dictionary[K comparable] struct {
	list   []K
	places map[K]uint64
}

func (d *dictionary[K]) place(k K) uint64 {
	place, known := d.places[k]
	if !known {
		if d.places == nil {
			d.places = map[K]uint64{}
		}
		place = uint64(len(d.list))
		d.list, d.places[k] = append(d.list, k), place
	}
	return place
}

func (p *packedAccounts) add(e accountEvent) error {
	key := accountSeries{e.SocialAccount, e.ParentAccount}
	missing, err := jsonArray(e.Missing)
	if err != nil {
		return err
	}
	var demographics []byte
	if len(e.Demographics) > 0 {
		if demographics, err = json.Marshal(e.Demographics); err != nil {
			return fmt.Errorf("encode demographics: %w", err)
		}
	}
	b := binary.AppendVarint(p.series[key], e.CapturedAt.UnixMicro())
	b = appendID(b, e.eventID)
	b = binary.AppendUvarint(b, p.owners.place(packedOwner{e.AccountID, e.MemberID, e.Platform, e.AccountType}))
	backfilled := byte(0)
	if e.Backfilled {
		backfilled = 1
	}
	b = append(b, backfilled)
	b = binary.AppendUvarint(b, p.lists.place(string(missing)))
	b = binary.AppendUvarint(b, uint64(len(demographics)))
	b = append(b, demographics...)
	b = binary.AppendUvarint(b, uint64(len(e.Figures)))
	for _, figure := range e.Figures {
		value, day := figure.Value, figure.Day
		figure.Value, figure.Day = 0, ""
		b = binary.AppendUvarint(b, p.figures.place(figure))
		b = binary.AppendUvarint(b, p.days.place(day))
		b = binary.AppendVarint(b, value)
	}
	p.series[key] = b
	return nil
}

// figuresTogether is approximately how many figures of accounts are unpacked at a time. Compare
// [unpackedTogether].
const figuresTogether = 16 << 10

// each unpacks the accounts, several at a time. It yields the readings of each account that are not
// erased, ordered by capture time and event id. It does not set the lists Missing and Demographics,
// but their JSON.
func (p *packedAccounts) each(erased erasures) iter.Seq[[][]accountRow] {
	return func(yield func([][]accountRow) bool) {
		keys := slices.SortedFunc(maps.Keys(p.series), accountSeries.compare)
		var accounts [][]accountRow
		figures := 0
		for i, key := range keys {
			var reads []accountRow
			until := erased.until(key)
			for packed := (unpacking{p.series[key]}); len(packed.rest) > 0; {
				if r := p.unpack(key, &packed); !r.CapturedAt.Before(until) {
					reads, figures = append(reads, r), figures+len(r.Figures)
				}
			}
			slices.SortFunc(reads, func(a, b accountRow) int {
				return cmp.Or(a.CapturedAt.Compare(b.CapturedAt), cmp.Compare(a.eventID, b.eventID))
			})
			accounts = append(accounts, reads)
			if figures < figuresTogether && i+1 < len(keys) {
				continue
			}
			if !yield(accounts) {
				return
			}
			accounts, figures = accounts[:0], 0
		}
	}
}

func (p *packedAccounts) unpack(key accountSeries, packed *unpacking) (r accountRow) {
	r.CapturedAt = time.UnixMicro(packed.varint()).UTC()
	r.eventID = packed.id()
	owner := p.owners.list[packed.uvarint()]
	r.Tenant = domain.Tenant{
		ParentAccount: key.parent, AccountID: owner.sub, MemberID: owner.member, SocialAccount: key.account,
	}
	r.Platform, r.AccountType = owner.platform, owner.accountType
	r.Backfilled = packed.byte() == 1
	r.missing = []byte(p.lists.list[packed.uvarint()])
	if r.demographics = packed.take(int(packed.uvarint())); len(r.demographics) == 0 {
		r.demographics = []byte("[]")
	}
	n := packed.uvarint()
	r.Figures = make([]domain.Figure, 0, n)
	for range n {
		figure := p.figures.list[packed.uvarint()]
		figure.Day = p.days.list[packed.uvarint()]
		figure.Value = packed.varint()
		r.Figures = append(r.Figures, figure)
	}
	return r
}
