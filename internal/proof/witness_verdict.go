package proof

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ledgerboard/ledgerboard/domain"
)

// placeShifted marks findings about records that are whole and lie elsewhere than they did.
const placeShifted = "place"

// unseenDiffers stands for what a hash covers and a row of the history has not as its own: the content, ce_source,
// ce_subject, the idempotency key.
const unseenDiffers = "content, or a header that the tables do not hold"

// checkWitness holds the log against what the tables remember of it, and names the first record of each agency that is not
// the one that was projected.
func (v *verification) checkWitness(ctx context.Context) error {
	all, err := v.hear(ctx)
	if err != nil {
		return fmt.Errorf("read what the tables remember: %w", err)
	}
	v.compared(all)
	named := 0
	for _, agency := range slices.Sorted(maps.Keys(all)) {
		f, deviates := v.deviation(agency, all[agency])
		if known, err := v.enrichKnown(ctx, agency, all[agency]); err != nil {
			return err
		} else if !deviates || known != 0 && known <= f.Version {
			continue
		}
		if named++; named > maxNamed {
			v.notef("more agencies are not those that were projected; verify them with --parent")
			return nil
		}
		if f.Kind == KindAltered || f.Kind == KindRewritten {
			if f.Differs, err = v.fields(ctx, f, *all[agency].first); err != nil {
				return err
			}
		}
		v.report.Findings = append(v.report.Findings, f)
	}
	return nil
}

// compared counts the records that the tables have come to; agencies of which they remember nothing get an empty testimony.
func (v *verification) compared(all map[string]*testimony) {
	for _, p := range v.ledger.parts {
		for _, s := range p.streams {
			if s.head.Version == 0 || v.Parent != "" && v.Parent != s.key {
				continue
			}
			_, _, held := v.versions(s.key)
			v.report.Compared += int64(len(held))
			if all[s.key] == nil {
				all[s.key] = &testimony{}
			}
		}
	}
}

// deviation is the first place at which the tables remember another log; rows that no log made are not its business.
func (v *verification) deviation(agency string, t *testimony) (f Finding, deviates bool) {
	p, all, held := v.versions(agency)
	logHead := int64(len(held))
	if t.first != nil {
		if f, deviates = v.otherHash(agency, t, logHead); deviates {
			return f, true
		}
	}
	switch known := max(t.head.Version, t.last); {
	case t.head.Version > logHead && logHead < all:
		return found(KindInserted, placeShifted, "the tables folded this record before the offset that they stand at, and it lies behind it now: something was inserted in this partition").
			of(agency, logHead+1), true
	case t.head.Version > logHead:
		made := ""
		if t.last <= logHead { // a record that could not be folded leaves no row either
			made = ", and have no row of a later one: either the end was cut off, or somebody wrote that head into the tables"
		}
		return found(KindTruncated, "tail", "the log ends at version %d of this agency, the tables know versions up to %d%s", logHead, t.head.Version, made).
			of(agency, logHead+1), true
	case known < logHead:
		return found(KindRemoved, placeShifted, "the tables stand behind this record's offset and have not seen it: either something before it was removed "+
			"from this partition, or somebody set the tables back").
			of(agency, known+1).at(p.number, p.rows.at(int(held[known])).offset), true
	}
	return Finding{}, false
}

// otherHash judges a record whose row has another hash. As each record names the hash of the one before it, the log cannot
// have been altered before a record on which both agree; nor where a checkpoint that holds covers it. Then the row was.
func (v *verification) otherHash(agency string, t *testimony, logHead int64) (f Finding, deviates bool) {
	version := t.first.Version
	p, _, held := v.versions(agency)
	offset := p.rows.at(int(held[version-1])).offset
	vouched := slices.ContainsFunc(v.book.list, func(e *entry) bool { return e.fault == nil && offset < e.Positions[p.number] })
	switch {
	case t.agreed > version || vouched:
		return f, false
	case version == logHead:
		f = found(KindAltered, "", "the last record of the agency is not the one that was projected")
	default:
		f = found(KindRewritten, "", "this record is not the one that was projected, and the chain was made anew from it on, up to version %d", logHead)
	}
	return f.of(agency, version).at(p.number, offset), true
}

// enrichKnown adds what the tables remember to the first finding of an agency, and returns its version.
func (v *verification) enrichKnown(ctx context.Context, agency string, t *testimony) (version int64, err error) {
	i := slices.IndexFunc(v.report.Findings, func(f Finding) bool { return f.Agency == agency })
	if i < 0 {
		return 0, nil
	}
	f := &v.report.Findings[i]
	r, remembered := t.about[f.Version]
	switch {
	case !remembered || r.Version == 0:
	case f.Kind == KindAltered && slices.Equal(f.Differs, []string{"content"}):
		f.Differs, err = v.fields(ctx, *f, r)
	case f.Kind == KindRemoved:
		f.Detail += fmt.Sprintf("; the tables remember it: %s by %s at %s", r.EventType, r.Actor, r.Time.UTC().Format(timeLayout))
	}
	return f.Version, err
}

// fields says in what a record differs from the one that the tables remember.
func (v *verification) fields(ctx context.Context, f Finding, row Remembered) (differs []string, err error) {
	record, err := v.read(ctx, *f.Partition, *f.Offset)
	if err != nil {
		return nil, fmt.Errorf("read record again: %w", err)
	}
	recorded, _ := v.Source.Decode(record) // the envelope is there even if the payload cannot be read
	differs = envelopeDiffers(recorded.Envelope, row)
	if len(differs) == 0 {
		return []string{unseenDiffers}, nil
	}
	return differs, nil
}

func envelopeDiffers(e domain.Envelope, row Remembered) (differs []string) {
	for name, pair := range map[string][2]string{
		"ce_id": {e.ID, row.EventID}, "ce_type": {e.Type, row.EventType}, "actor": {e.Audit.Actor, row.Actor}, "role": {e.Audit.Role, row.Role},
		"on_behalf_of": {e.Audit.OnBehalfOf, row.OnBehalfOf}, "command_id": {e.Audit.CommandID, row.CommandID},
		"request_id": {e.Audit.RequestID, row.RequestID},
	} {
		if pair[0] != pair[1] {
			differs = append(differs, name)
		}
	}
	if !e.Time.Equal(row.Time) {
		differs = append(differs, "time")
	}
	slices.SortFunc(differs, strings.Compare)
	return differs
}
