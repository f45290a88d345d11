package eventlog

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// Reasons why a log is not opened with the key of this process, for errors.Is.
var (
	// ErrOtherKey says that the log is tagged with another key: to this process all records of others would be foreign, and to them its own.
	ErrOtherKey = errors.New("the log is tagged with another key")
	// ErrNotBegun refuses an append to a log whose epoch this process neither found nor was to begin.
	ErrNotBegun = errors.New("the log has not begun: it has no epoch, so no record can be tagged")
)

// LogID names one log for ever: its tags are of no other log, though that has the same key.
type LogID [16]byte

// String returns the id in hexadecimal.
func (id LogID) String() string { return hex.EncodeToString(id[:]) }

// ParseLogID reads what [LogID.String] wrote.
func ParseLogID(text string) (id LogID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not the id of a log, %d hex digits", text, 2*len(id))
	}
	return LogID(b), nil
}

// Epoch says by what the records of a log are judged: number 0, from each partition's first record on and for ever. The zero value is none.
type Epoch struct {
	Log LogID
	Key string // [TagKey.ID]
}

// Epoch returns the epoch by which this process judges and tags; none without a key, or where nothing has begun and nothing was to begin.
func (l *Log) Epoch() Epoch { return l.epoch }

// begin settles what tags are made and judged by, before the first append: by the log itself, else by the database's copy, else by beginning.
// mayBegin is false in processes that write nothing.
func (l *Log) begin(ctx context.Context, mayBegin bool) error {
	if l.cfg.TagKey.IsZero() {
		return nil
	}
	epoch, err := l.foundEpoch(ctx)
	if err == nil && epoch == (Epoch{}) {
		epoch, err = l.firstEpoch(ctx, mayBegin)
	}
	if err != nil {
		return err
	}
	l.adopt(epoch)
	return nil
}

// foundEpoch is the one that the log itself says. When another key's record lies before it, two first processes had different keys: then it
// counts for whom the database knows it.
func (l *Log) foundEpoch(ctx context.Context) (Epoch, error) {
	epoch, stranger, err := l.recordedEpoch(ctx)
	if err != nil || epoch == (Epoch{}) || stranger == "" {
		return epoch, err
	}
	copied, err := l.copiedEpoch(ctx)
	if err == nil && copied != epoch {
		err = l.otherKey(stranger, "two processes with different keys have begun this log")
	}
	return epoch, err
}

// firstEpoch is of a log that says none: what the database knows, or a new one. What it appends it reads back: of several first processes all
// take the same record.
func (l *Log) firstEpoch(ctx context.Context, mayBegin bool) (Epoch, error) {
	copied, err := l.copiedEpoch(ctx)
	if err != nil {
		return copied, err
	}
	others := l.checkOthersRecords(ctx, copied)
	if epoch, err := l.foundEpoch(ctx); err != nil || epoch != (Epoch{}) { // another first process was quicker
		return epoch, err
	}
	if others != nil || !mayBegin {
		return copied, others
	}
	epoch := copied
	if epoch == (Epoch{}) {
		epoch.Key = l.cfg.TagKey.ID()
		_, _ = rand.Read(epoch.Log[:]) // never fails
	}
	l.adopt(epoch)
	if err := l.Append(ctx, epochDraft(epoch)); err != nil {
		return epoch, fmt.Errorf("begin the log's epoch (start again: the next start finds the record, or appends it): %w", err)
	}
	epoch, err = l.foundEpoch(ctx)
	if err == nil && epoch == (Epoch{}) {
		err = errors.New("the record of the log's epoch was appended and is not in the log")
	}
	return epoch, err
}

// adopt tags and judges by an epoch from now on; none: nothing is tagged.
func (l *Log) adopt(epoch Epoch) {
	l.epoch, l.tagger = epoch, nil
	if epoch != (Epoch{}) {
		l.tagger = NewTagger(l.cfg.TagKey, epoch.Log)
	}
}

// epochActor is who the record of an epoch names: no person begins one.
const epochActor = "system:log"

func epochDraft(epoch Epoch) domain.Draft {
	data := domain.EpochBegun{Number: 0, Log: epoch.Log.String(), Key: epoch.Key}
	return domain.Draft{Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, Data: data, Envelope: domain.Envelope{
		ID: uuid.Must(uuid.NewV7()).String(), Type: data.EventType(), Subject: domain.OperationsKeyAll,
		Time: time.Now().UTC().Truncate(time.Microsecond), Audit: domain.Audit{Actor: epochActor},
	}}
}

// copiedEpoch is what the database remembers, for a log that has lost its record.
func (l *Log) copiedEpoch(ctx context.Context) (epoch Epoch, err error) {
	if l.cfg.KnownEpoch == nil {
		return epoch, nil
	}
	if epoch, err = l.cfg.KnownEpoch(ctx); err != nil || epoch == (Epoch{}) {
		return epoch, err
	}
	if epoch.Key != l.cfg.TagKey.ID() {
		return epoch, l.otherKey("the database says that its key has the id "+epoch.Key, "this database is of another log")
	}
	return epoch, nil
}

// recordedEpoch finds the first record of an epoch that is tagged by this process's key, for the log that it names itself. When one of another
// key lies before it, stranger says where.
func (l *Log) recordedEpoch(ctx context.Context) (epoch Epoch, stranger string, err error) {
	spec, err := l.spec(domain.TopicOperations)
	if err != nil {
		return epoch, "", err
	}
	ranges, id, err := l.Ranges(ctx, spec.Name)
	if err != nil {
		return epoch, "", err
	}
	home := PartitionOf([]byte(domain.OperationsKeyAll), spec.Partitions)
	for _, r := range ranges {
		if r.Partition != home {
			continue
		}
		err = l.eachRaw(ctx, spec.Name, id, r, func(r Record) bool {
			said, ok := epochOf(r)
			switch {
			case !ok || formFault(spec, r) != "":
			case said.Key != l.cfg.TagKey.ID():
				if stranger == "" {
					stranger = fmt.Sprintf("the first record that begins it, at %s, names the key %s", placeOf(r), said.Key)
				}
			case NewTagger(l.cfg.TagKey, said.Log).fault(r) == "":
				epoch = said
			}
			return epoch == (Epoch{})
		})
	}
	return epoch, stranger, err
}

// epochOf reads what a record says of epoch 0, true or not.
func epochOf(r Record) (epoch Epoch, ok bool) {
	var said domain.EpochBegun
	if string(r.Key) != domain.OperationsKeyAll || r.Header(headerType) != said.EventType() ||
		json.Unmarshal(r.Value, &said) != nil || said.Validate() != nil || said.Number != 0 {
		return epoch, false
	}
	epoch.Key = said.Key
	epoch.Log, _ = ParseLogID(said.Log) // Validate has seen its form
	return epoch, true
}

// checkOthersRecords says whether a log without our epoch may get it: not where records lie that look like those of somebody else's key.
// Records that have no tag, or are malformed, were never anybody's. A partition that begins with a record of the copied epoch proves the log to
// be ours, whatever else was planted in it: else whoever may write to the brokers could keep us from a log that lost its record.
func (l *Log) checkOthersRecords(ctx context.Context, copied Epoch) error {
	first := ""
	for _, spec := range l.codec.Topics() {
		ranges, id, err := l.Ranges(ctx, spec.Name)
		if err != nil {
			return err
		}
		for _, in := range ranges {
			r, found, err := l.firstWellFormed(ctx, spec, id, in)
			switch {
			case err != nil:
				return err
			case !found:
				continue
			case copied != (Epoch{}) && NewTagger(l.cfg.TagKey, copied.Log).fault(r) == "":
				return nil
			}
			said, begins := epochOf(r)
			if first == "" || begins { // a record that names its key says more
				first = "a record with a tag lies at " + placeOf(r)
			}
			if begins {
				first += fmt.Sprintf(" and names the key %s and the log %s", said.Key, said.Log)
			}
		}
	}
	switch {
	case first == "":
		return nil
	case copied != (Epoch{}):
		return l.otherKey(fmt.Sprintf("%s, and no partition begins with a record of log %s, which the database knows", first, copied.Log),
			"set LEDGERBOARD_KAFKA_BROKERS to the brokers of the database's log")
	}
	return l.otherKey(first+", and no record on operations says that this key's epoch has begun",
		"that record was lost: restore the database, which has a copy of it, or the topic")
}

// firstWellFormed finds the first record of a partition that somebody with some key can have written.
func (l *Log) firstWellFormed(ctx context.Context, spec TopicSpec, id TopicID, in PartitionRange) (first Record, found bool, err error) {
	err = l.eachRaw(ctx, spec.Name, id, in, func(r Record) bool {
		found = formFault(spec, r) == ""
		first = r
		return !found
	})
	return first, found, err
}

func placeOf(r Record) string {
	return fmt.Sprintf("%s, partition %d, offset %d", r.Topic, r.Partition, r.Offset)
}

func (l *Log) otherKey(why, or string) error {
	return fmt.Errorf("%w: %s; the key of this process has the id %s. Set LEDGERBOARD_TAG_KEYS to the key of the processes that write to this log; "+
		"or %s. A log that nobody needs is begun anew without its topics, and with a new database", ErrOtherKey, why, l.cfg.TagKey.ID(), or)
}

// beginningBytes is how much of a partition is asked for at a time: the record that is looked for is nearly always the first.
const beginningBytes = 256 << 10

// eachRaw reads a partition from its start to its end, whatever lies there, while yield says so.
func (l *Log) eachRaw(ctx context.Context, topic string, id TopicID, in PartitionRange, yield func(Record) bool) error {
	f := l.newFetcher(topic, id, in.Partition, beginningBytes)
	f.need = in.End
	for at := in.Start; at < in.End; {
		got, err := f.fetch(ctx, at)
		if err != nil {
			return err
		}
		for _, r := range got.records {
			if !yield(fromKgo(topic, r)) {
				return nil
			}
		}
		if got.next == at { // compaction left nothing more
			return nil
		}
		at = got.next
	}
	return nil
}
