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

// NewLogID makes the id of a log that begins.
func NewLogID() (id LogID) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

// ParseLogID reads what [LogID.String] wrote.
func ParseLogID(text string) (id LogID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not the id of a log, %d hex digits", text, 2*len(id))
	}
	return LogID(b), nil
}

// Epoch says by what records of a log are judged, from a place on: number 0 from each partition's first record, a later one from where a
// restore has begun it. The zero value is none.
type Epoch struct {
	Number int
	Log    LogID
	Key    string // [TagKey.ID]
}

// Epoch returns the newest epoch, by which this process tags; none without a key, or where nothing has begun and nothing was to begin.
func (l *Log) Epoch() (epoch Epoch) {
	if len(l.epochs) > 0 {
		epoch = epochIn(l.epochs[len(l.epochs)-1].EpochBegun)
	}
	return epoch
}

// begin settles what tags are made and judged by, before the first append: by the log itself, else by the database's copy, else by beginning.
// mayBegin is false in processes that write nothing.
func (l *Log) begin(ctx context.Context, mayBegin bool) error {
	if l.cfg.TagKey.IsZero() {
		return nil
	}
	list, err := l.foundEpochs(ctx)
	if err == nil && len(list) == 0 {
		list, err = l.firstEpoch(ctx, mayBegin)
	}
	if err != nil {
		return err
	}
	l.adopt(list)
	return nil
}

// foundEpochs are those that the log itself says. When another key's record lies before the first, two first processes had different keys: then
// it counts for whom the database knows it.
func (l *Log) foundEpochs(ctx context.Context) ([]domain.EpochBegun, error) {
	list, stranger, err := l.recordedEpochs(ctx)
	if err != nil || len(list) == 0 || stranger == "" {
		return list, err
	}
	copied, err := l.copiedEpoch(ctx)
	if err == nil && copied != epochIn(list[0]) {
		err = l.otherKey(stranger, "two processes with different keys have begun this log")
	}
	return list, err
}

// firstEpoch is of a log that says none: what the database knows, or a new one. What it appends it reads back: of several first processes all
// take the same record.
func (l *Log) firstEpoch(ctx context.Context, mayBegin bool) ([]domain.EpochBegun, error) {
	copied, err := l.copiedEpoch(ctx)
	if err != nil {
		return nil, err
	}
	others := l.checkOthersRecords(ctx, copied)
	if list, err := l.foundEpochs(ctx); err != nil || len(list) > 0 { // another first process was quicker
		return list, err
	}
	if others != nil || !mayBegin {
		return listOf(copied), others
	}
	epoch := copied
	if epoch == (Epoch{}) {
		epoch.Log, epoch.Key = NewLogID(), l.cfg.TagKey.ID()
	}
	list := listOf(epoch)
	l.adopt(list)
	if err := l.Append(ctx, epochDraft(list[0])); err != nil {
		return nil, fmt.Errorf("begin the log's epoch (start again: the next start finds the record, or appends it): %w", err)
	}
	list, err = l.foundEpochs(ctx)
	if err == nil && len(list) == 0 {
		err = errors.New("the record of the log's epoch was appended and is not in the log")
	}
	return list, err
}

// listOf is the list of a log that only its first epoch is known of; of none it is empty.
func listOf(first Epoch) []domain.EpochBegun {
	if first == (Epoch{}) {
		return nil
	}
	return []domain.EpochBegun{{Number: 0, Log: first.Log.String(), Key: first.Key}}
}

// epochActor is who the record of an epoch names: no person begins one.
const epochActor = "system:log"

func epochDraft(data domain.EpochBegun) domain.Draft {
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

// recordedEpochs finds the records of epochs that are tagged by this process's key, each for the log that it names itself: the first of number
// 0, and those that continue it, see [Continues]. When one of another key lies before the first, stranger says where.
func (l *Log) recordedEpochs(ctx context.Context) (list []domain.EpochBegun, stranger string, err error) {
	spec, err := l.spec(domain.TopicOperations)
	if err != nil {
		return nil, "", err
	}
	ranges, id, err := l.Ranges(ctx, spec.Name)
	if err != nil {
		return nil, "", err
	}
	home := PartitionOf([]byte(domain.OperationsKeyAll), spec.Partitions)
	for _, r := range ranges {
		if r.Partition != home {
			continue
		}
		err = l.eachRaw(ctx, spec.Name, id, r, scanFetchBytes, func(r Record) bool {
			said, ok := epochOf(r)
			switch {
			case !ok || formFault(spec, r) != "" || !Continues(list, said, r):
			case said.Key != l.cfg.TagKey.ID():
				if stranger == "" && len(list) == 0 {
					stranger = fmt.Sprintf("the first record that begins it, at %s, names the key %s", placeOf(r), said.Key)
				}
			case NewTagger(l.cfg.TagKey, epochIn(said).Log).fault(r) == "":
				list = append(list, said)
			}
			return true
		})
	}
	return list, stranger, err
}

// epochOf reads what a record says of an epoch, true or not.
func epochOf(r Record) (said domain.EpochBegun, ok bool) {
	ok = string(r.Key) == domain.OperationsKeyAll && r.Header(headerType) == said.EventType() &&
		json.Unmarshal(r.Value, &said) == nil && said.Validate() == nil
	return said, ok
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
	err = l.eachRaw(ctx, spec.Name, id, in, beginningBytes, func(r Record) bool {
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

// beginningBytes is how much of a partition is asked for at a time where the record that is looked for is nearly always the first.
const beginningBytes = 256 << 10

// eachRaw reads a partition from its start to its end, whatever lies there, so many bytes at a time, while yield says so.
func (l *Log) eachRaw(ctx context.Context, topic string, id TopicID, in PartitionRange, maxBytes int32, yield func(Record) bool) error {
	f := l.newFetcher(topic, id, in.Partition, maxBytes)
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
