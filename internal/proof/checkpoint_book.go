package proof

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// sighting is a signed note that was found somewhere.
type sighting struct {
	where string // for people: where it was found
	note  string
	torn  bool // in a file: its end is missing
}

// book is every checkpoint that was found, each once, however often it was seen.
type book struct {
	known  note.Verifiers
	list   []*entry // in the order they were first seen: the log's, then the file's
	byID   map[tlog.Hash]*entry
	faults []Finding // notes that are none
	torn   []string  // where a note of the file is damaged that the log has whole
	filed  int       // how many of list were met in the file
}

// entry is one checkpoint whose signature holds.
type entry struct {
	Checkpoint
	id     tlog.Hash
	note   string
	where  string
	inLog  bool
	inFile bool
	filed  int // its place in the file among those that were met there; 0: none yet

	prev     *entry // known once checked
	children int
	checked  bool
	fault    *Finding // why the log does not bear it out
	beside   bool     // what the log does not bear out is of `operations` alone
	differs  bool     // the log has other records, or another order, up to its vector
	sameEnds bool     // where it differs: not in the number of records and the ends of streams, so that only the order is another
	counts   bool     // it is of the chain, as [book.chain] last found it
	end      *state   // the trees at its vector, while a child may need them
}

func newBook(known note.Verifiers) *book {
	return &book{known: known, byID: map[tlog.Hash]*entry{}}
}

// add takes a note in; it returns its entry when it is new and holds.
func (b *book) add(s sighting, inFile bool) *entry {
	var seen *entry
	if text, _, ok := strings.Cut(s.note, "\n\n"); ok {
		seen = b.byID[sha256.Sum256([]byte(text+"\n"))] // [Checkpoint.ID]
	}
	if seen != nil && seen.note == s.note {
		b.see(seen, inFile)
		return nil
	}
	c, err := OpenCheckpoint([]byte(s.note), b.known)
	switch {
	case err == nil && seen != nil: // the same text, signed by another key of ours
		b.see(seen, inFile)
		return nil
	case err != nil && seen != nil && inFile: // its text is one that was signed: a write was torn behind it
		b.torn = append(b.torn, s.where)
		return nil
	case err != nil:
		b.faults = append(b.faults, found(KindCheckpoint, "",
			"the checkpoint at %s is forged, damaged or signed with a key that was not given: %s", s.where, err))
		return nil
	}
	e := &entry{Checkpoint: c, id: c.ID(), note: s.note, where: s.where}
	b.see(e, inFile)
	b.byID[e.id] = e
	b.list = append(b.list, e)
	return e
}

func (b *book) see(e *entry, inFile bool) {
	e.inFile, e.inLog = e.inFile || inFile, e.inLog || !inFile
	if inFile && e.filed == 0 {
		b.filed++
		e.filed = b.filed
	}
}

var checkpointType = domain.CheckpointSigned{}.EventType()

// readOperations calls yield for each checkpoint on `operations` from an offset on, in order, and
// returns the offset to go on from. A record of the type that cannot be read is a sighting too: its
// note will not open.
func readOperations(ctx context.Context, src Source, from int64, yield func(sighting)) (int64, error) {
	ranges, id, err := src.Ranges(ctx, domain.TopicOperations)
	if err != nil {
		return from, fmt.Errorf("read checkpoints: %w", err)
	}
	p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), int32(len(ranges)))
	to := ranges[p].End
	err = src.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, TopicID: id,
		From: map[int32]int64{p: from}, To: map[int32]int64{p: to},
		Handle: each(func(r eventlog.Record) error {
			if r.Header("ce_type") != checkpointType {
				return nil
			}
			s := sighting{where: fmt.Sprintf("operations/%d offset %d", r.Partition, r.Offset)}
			if recorded, err := src.Decode(r); err == nil {
				if data, ok := recorded.Data.(domain.CheckpointSigned); ok {
					s.note = data.Note
				}
			}
			yield(s)
			return nil
		}),
	})
	if err != nil {
		return from, fmt.Errorf("read checkpoints: %w", err)
	}
	return to, nil
}

// splitFile finds the notes in the text of a checkpoint file, in their order; see [File]. A torn write leaves the
// beginning of a note, and what follows it is found all the same.
func splitFile(name, text string) (notes []sighting) {
	lines := strings.SplitAfter(text, "\n")
	for i := 0; i < len(lines); {
		if strings.TrimSpace(lines[i]) == "" {
			i++
			continue
		}
		end, whole := noteEnd(lines, i)
		begun := strings.HasPrefix(lines[i], originPrefix) || strings.HasPrefix(originPrefix, strings.TrimSuffix(lines[i], "\n"))
		notes = append(notes, sighting{ // what was not begun as a note will not open
			where: fmt.Sprintf("%s line %d", name, i+1), note: strings.Join(lines[i:end], ""), torn: begun && !whole,
		})
		i = end
	}
	return notes
}

// noteEnd returns the line after the note that begins at first, and whether it has a signature.
func noteEnd(lines []string, first int) (end int, whole bool) {
	signed := false
	for end = first + 1; end < len(lines); end++ {
		line := lines[end]
		isSignature := strings.HasPrefix(line, "— ")
		switch {
		case strings.HasPrefix(line, originPrefix), line == "":
			return end, signed && strings.HasSuffix(lines[end-1], "\n")
		case signed && !isSignature:
			return end, true
		case isSignature:
			signed = strings.HasSuffix(line, "\n")
		}
	}
	return end, signed
}
