package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// originPrefix begins the first line of every checkpoint; the topic's id follows.
const originPrefix = "ledgerboard/dashboards/"

// timeLayout is RFC 3339 in UTC with six digits, as in the records' headers.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// maxPartitions bounds a position vector that is read from outside.
const maxPartitions = 1 << 12

// ErrCheckpoint is wrapped by every refusal of a checkpoint's text or signature.
var ErrCheckpoint = errors.New("not a valid checkpoint")

// Checkpoint is a statement about the whole of topic `dashboards` up to Positions. Its text is signed.
type Checkpoint struct {
	TopicID   eventlog.TopicID
	Size      int64     // leaves of the tree: effective records before Positions
	Root      tlog.Hash // of the tree over records
	HeadCount int64     // streams that have a record before Positions
	HeadRoot  tlog.Hash // of the tree over the streams' last records, sorted by key
	Positions []int64   // next offset by partition
	// Operations covers topic `operations`; without positions, as in checkpoints of before, it covers nothing of it.
	Operations Covered
	OutOfTime  OutOfTime
	Time       time.Time // when it was made, by the signer's clock; UTC, whole microseconds
	Prev       tlog.Hash // [Checkpoint.ID] of the one whose leaves this one continues; zero for the first
}

// Covered is the statement about a topic that has no chains: a tree over its records (but for the checkpoints on it).
type Covered struct {
	TopicID   eventlog.TopicID
	Size      int64
	Root      tlog.Hash
	Positions []int64 // next offset by partition
}

// ID identifies a checkpoint: SHA-256 of its text, without signatures.
func (c Checkpoint) ID() tlog.Hash { return sha256.Sum256([]byte(c.Text())) }

// Text is what is signed, each line ended by a newline:
//
//	ledgerboard/dashboards/<topic id, 32 hex digits>
//	<size, decimal>
//	<root, base64>
//	heads <number of streams> <root, base64>
//	positions <next offset of partition 0>,<of partition 1>,…
//	operations <topic id, 32 hex digits> <size> <root, base64> <next offset of partition 0>,<of partition 1>,…
//	outoftime <records> <topic>/<partition>/<offset>,… [the first 100 of them; no such line without any]
//	time <RFC 3339, UTC, six digits>
//	prev <base64 of the previous checkpoint's ID, or - >
//
// The first three lines are those of every transparency log's checkpoint (C2SP tlog-checkpoint).
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%d\n%s\nheads %d %s\npositions ", originPrefix, c.TopicID, c.Size, c.Root, c.HeadCount, c.HeadRoot)
	writeVector(&b, c.Positions)
	if o := c.Operations; o.Positions != nil {
		fmt.Fprintf(&b, "\noperations %s %d %s ", o.TopicID, o.Size, o.Root)
		writeVector(&b, o.Positions)
	}
	if c.OutOfTime.Count > 0 {
		b.WriteString("\noutoftime " + c.OutOfTime.text())
	}
	prev := "-"
	if c.Prev != (tlog.Hash{}) {
		prev = c.Prev.String()
	}
	fmt.Fprintf(&b, "\ntime %s\nprev %s\n", c.Time.UTC().Format(timeLayout), prev)
	return b.String()
}

func writeVector(b *strings.Builder, vector []int64) {
	for i, at := range vector {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(at, 10))
	}
}

func parseVector(text string) (vector []int64) {
	for part := range strings.SplitSeq(text, ",") {
		next, _ := strconv.ParseInt(part, 10, 64)
		vector = append(vector, next)
	}
	return vector
}

// parseOperations takes the line about `operations` out of a text, where there is one.
func parseOperations(text string) (rest string, c Covered, err error) {
	rest, line := takeLine(text, "operations")
	if line == "" {
		return text, c, nil
	}
	var id []byte
	var root, positions string
	_, err = fmt.Sscanf(line, "%x %d %s %s", &id, &c.Size, &root, &positions)
	copy(c.TopicID[:], id)
	c.Root, _ = tlog.ParseHash(root)
	c.Positions = parseVector(positions)
	return rest, c, err
}

// takeLine takes a line that a text need not have out of it, without its first word.
func takeLine(text, word string) (rest, line string) {
	before, line, has := strings.Cut(text, "\n"+word+" ")
	if !has {
		return text, ""
	}
	line, after, _ := strings.Cut(line, "\n")
	return before + "\n" + after, line
}

// ParseCheckpoint reads a text strictly: what it accepts, [Checkpoint.Text] writes byte for byte. The
// error wraps [ErrCheckpoint].
func ParseCheckpoint(text string) (c Checkpoint, err error) {
	var id []byte
	var root, headRoot, positions, at, prev string
	rest, operations, unread := parseOperations(text)
	c.Operations = operations
	if left, line := takeLine(rest, "outoftime"); line != "" {
		rest, c.OutOfTime = left, parseOutOfTime(line)
	}
	_, err = fmt.Sscanf(rest, originPrefix+"%x\n%d\n%s\nheads %d %s\npositions %s\ntime %s\nprev %s\n",
		&id, &c.Size, &root, &c.HeadCount, &headRoot, &positions, &at, &prev)
	// What cannot be read is zero, and the text of that is another one.
	copy(c.TopicID[:], id)
	c.Root, _ = tlog.ParseHash(root)
	c.HeadRoot, _ = tlog.ParseHash(headRoot)
	c.Prev, _ = tlog.ParseHash(prev)
	c.Time, _ = time.Parse(timeLayout, at)
	c.Positions = parseVector(positions)
	vector := slices.Concat(c.Positions, operations.Positions)
	if err != nil || unread != nil || c.Text() != text || min(c.Size, c.HeadCount, operations.Size) < 0 || slices.Min(vector) < 0 ||
		max(len(c.Positions), len(operations.Positions)) > maxPartitions {
		return Checkpoint{}, fmt.Errorf("%w: it is not written as it must be", ErrCheckpoint)
	}
	return c, nil
}

// Sign makes the signed note of a checkpoint.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint checks a signed note and reads its text. Every signature on it must be of a known key
// and verify, and every byte must be as the signer wrote it; otherwise the error wraps [ErrCheckpoint].
func OpenCheckpoint(signed []byte, known note.Verifiers) (Checkpoint, error) {
	opened, err := note.Open(signed, known)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	// note.Open passes over signatures of unknown keys, and base64 has several spellings of one value:
	// bytes that nobody signed could be changed unseen.
	var canonical strings.Builder
	canonical.WriteString(opened.Text + "\n")
	for _, sig := range opened.Sigs {
		raw, _ := base64.StdEncoding.DecodeString(sig.Base64) // the library has decoded it once
		canonical.WriteString("— " + sig.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	if canonical.String() != string(signed) {
		return Checkpoint{}, fmt.Errorf("%w: it carries a signature of an unknown key, or bytes that nobody signed", ErrCheckpoint)
	}
	return ParseCheckpoint(opened.Text)
}
