package proof

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ledgerboard/ledgerboard/domain"
)

// A record's time is when it was appended. One that lies behind a checkpoint and says that it is older than that by more than
// lateBy, or that is ahead by more than aheadBy of the checkpoint that first covers it, was not appended when it says: a
// process's clock was wrong, or somebody who has a key wrote it into the past or the future. What only [follows] such a record
// is not listed for being ahead with it.
const (
	lateBy  = 15 * time.Minute
	aheadBy = time.Minute
)

// maxOutOfTime is how many of them a checkpoint names; it counts all.
const maxOutOfTime = 100

// OutOfTime are the records that a checkpoint covers first and that cannot be of the time that they say.
type OutOfTime struct {
	Count  int64
	Places []domain.Position // the first of them, by topic, partition and offset
}

// placeText is a place as it stands in a checkpoint: topic/partition/offset.
func placeText(p domain.Position) string {
	return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset)
}

// text is the part of a line of a checkpoint.
func (o OutOfTime) text() string {
	places := make([]string, len(o.Places))
	for i, p := range o.Places {
		places[i] = placeText(p)
	}
	return fmt.Sprintf("%d %s", o.Count, strings.Join(places, ","))
}

// parseOutOfTime reads it; what cannot be read has another text.
func parseOutOfTime(line string) (o OutOfTime) {
	count, places, _ := strings.Cut(line, " ")
	o.Count, _ = strconv.ParseInt(count, 10, 64)
	for place := range strings.SplitSeq(places, ",") {
		part := strings.Split(place, "/")
		if len(part) != 3 || len(o.Places) == maxOutOfTime {
			return OutOfTime{}
		}
		partition, _ := strconv.ParseInt(part[1], 10, 32)
		offset, _ := strconv.ParseInt(part[2], 10, 64)
		o.Places = append(o.Places, domain.Position{Topic: part[0], Partition: int32(partition), Offset: offset})
	}
	return o
}

// seconds is a time as the ledger keeps it, 4 bytes a record: in seconds since 1970, those before and after what fits at its ends.
func seconds(at time.Time) uint32 { return uint32(min(max(at.Unix(), 0), math.MaxUint32)) }

// follows tells whether a record is as little later than the one before it in its stream as it can be. Writers never go back
// behind a head, so that after one record of a wrong clock every honest one has such a time until the clocks have reached it.
func follows(before, head domain.StreamHead) bool {
	return before.Version > 0 && head.Time.Equal(before.Time.Add(time.Microsecond))
}

// outOfTime finds the records between what the checkpoint before covers (prev, zero: none) and what this one does.
func (l *ledger) outOfTime(prev, c Checkpoint) (o OutOfTime) {
	l.addOutOfTime(&o, prev.Positions, c.Positions, prev.Time, c.Time)
	if l.operations != nil && c.Operations.Positions != nil {
		l.operations.addOutOfTime(&o, prev.Operations.Positions, c.Operations.Positions, prev.Time, c.Time)
	}
	return o
}

func (l *ledger) addOutOfTime(o *OutOfTime, from, to []int64, prev, now time.Time) {
	earliest, latest := seconds(prev.Add(-lateBy)), seconds(now.Add(aheadBy))
	from = slices.Concat(from, make([]int64, len(to)))
	for i, p := range l.parts {
		p.rows.between(from[i], to[i], func(x row) {
			ahead := x.time > latest && !x.pushed
			if x.time >= earliest && !ahead {
				return
			}
			if o.Count++; o.Count <= maxOutOfTime {
				o.Places = append(o.Places, domain.Position{Topic: l.topic, Partition: p.number, Offset: x.offset})
			}
		})
	}
}

// checkTimes reports the records that checkpoints list. An agency's own verification is told of its own.
func (v *verification) checkTimes() {
	for _, e := range v.book.list {
		if e.fault != nil || !e.counts {
			continue
		}
		for _, place := range e.OutOfTime.Places {
			agency, says := v.ledger.lookAt(place)
			if v.Parent != "" && agency != v.Parent {
				continue
			}
			f := outOfTimeFinding(e, place, says)
			f.Agency = agency
			v.report.Findings = append(v.report.Findings, f)
		}
		if more := e.OutOfTime.Count - int64(len(e.OutOfTime.Places)); more > 0 && v.Parent == "" {
			v.notef("the checkpoint at %s counts %d more records that cannot be of their time", e.where, more)
		}
	}
}

// outOfTimeFinding says that a record cannot be of the time that it says.
func outOfTimeFinding(e *entry, place domain.Position, says time.Time) Finding {
	return found(KindOutOfTime, "time", "the record in %s says that it is of %s, and the checkpoint of %s (%s) is the first that covers it: it is more than %d minutes older "+
		"than the checkpoint before, or more than %d ahead of this one. Either the clock of a process was wrong, or somebody who has a key "+
		"wrote it for another time",
		place.Topic, says.Format(time.RFC3339), e.Time.Format(timeLayout), e.where, lateBy/time.Minute, aheadBy/time.Minute).at(place.Partition, place.Offset)
}

// lookAt tells which agency a record is of ("" for one of `operations` that is of none) and of which time it says that it is, in
// whole seconds.
func (l *ledger) lookAt(place domain.Position) (agency string, says time.Time) {
	if place.Topic == domain.TopicOperations {
		l = l.operations
	}
	p := l.parts[place.Partition]
	x := p.rows.at(p.rows.search(place.Offset)) // it is there: a list that is not what the log has is a fault
	if agency = p.streams[x.owner].key; agency == domain.OperationsKeyAll {
		agency = ""
	}
	return agency, time.Unix(int64(x.time), 0).UTC()
}
