package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
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
	Time      time.Time // when it was made, by the signer's clock; UTC, whole microseconds
	Prev      tlog.Hash // [Checkpoint.ID] of the one whose leaves this one continues; zero for the first
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
//	time <RFC 3339, UTC, six digits>
//	prev <base64 of the previous checkpoint's ID, or - >
//
// The first three lines are those of every transparency log's checkpoint (C2SP tlog-checkpoint).
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%d\n%s\nheads %d %s\npositions ", originPrefix, c.TopicID, c.Size, c.Root, c.HeadCount, c.HeadRoot)
	for i, at := range c.Positions {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(at, 10))
	}
	prev := "-"
	if c.Prev != (tlog.Hash{}) {
		prev = c.Prev.String()
	}
	fmt.Fprintf(&b, "\ntime %s\nprev %s\n", c.Time.UTC().Format(timeLayout), prev)
	return b.String()
}

// ParseCheckpoint reads a text strictly: what it accepts, [Checkpoint.Text] writes byte for byte. The
// error wraps [ErrCheckpoint].
func ParseCheckpoint(text string) (Checkpoint, error) {
	c, err := parseText(text)
	if err == nil && c.Text() != text {
		err = errors.New("it is not written as it must be")
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return c, nil
}

func parseText(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 8 {
		return c, fmt.Errorf("it has %d lines, not 7", len(lines)-1)
	}
	origin, ok := strings.CutPrefix(lines[0], originPrefix)
	id, err := hex.DecodeString(origin)
	if !ok || err != nil || len(id) != len(c.TopicID) {
		return c, fmt.Errorf("line 1 is not %s<topic id>", originPrefix)
	}
	copy(c.TopicID[:], id)
	var headCount, headRoot, prev string
	fields := []error{
		parseCount(lines[1], &c.Size),
		parseHash(lines[2], &c.Root),
		cut(lines[3], "heads ", &headCount),
	}
	headCount, headRoot, _ = strings.Cut(headCount, " ")
	fields = append(fields, parseCount(headCount, &c.HeadCount), parseHash(headRoot, &c.HeadRoot))
	if c.Positions, err = parsePositions(lines[4]); err != nil {
		fields = append(fields, err)
	}
	var at string
	fields = append(fields, cut(lines[5], "time ", &at), cut(lines[6], "prev ", &prev))
	if c.Time, err = time.Parse(timeLayout, at); err != nil {
		fields = append(fields, fmt.Errorf("%q is not a time", at))
	}
	if prev != "-" {
		fields = append(fields, parseHash(prev, &c.Prev))
	}
	return c, errors.Join(fields...)
}

func cut(line, prefix string, rest *string) (err error) {
	var ok bool
	if *rest, ok = strings.CutPrefix(line, prefix); !ok {
		return fmt.Errorf("a line does not begin with %q", prefix)
	}
	return nil
}

func parseCount(s string, n *int64) (err error) {
	if *n, err = strconv.ParseInt(s, 10, 64); err != nil || *n < 0 {
		return fmt.Errorf("%q is not a count", s)
	}
	return nil
}

func parseHash(s string, h *tlog.Hash) error {
	parsed, err := tlog.ParseHash(s)
	if err != nil {
		return fmt.Errorf("%q is not a hash", s)
	}
	*h = parsed
	return nil
}

func parsePositions(line string) ([]int64, error) {
	var list string
	if err := cut(line, "positions ", &list); err != nil {
		return nil, err
	}
	parts := strings.SplitN(list, ",", maxPartitions+1)
	if len(parts) > maxPartitions {
		return nil, fmt.Errorf("more than %d positions", maxPartitions)
	}
	positions := make([]int64, len(parts))
	for i, part := range parts {
		if err := parseCount(part, &positions[i]); err != nil {
			return nil, err
		}
	}
	return positions, nil
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
		raw, err := base64.StdEncoding.DecodeString(sig.Base64)
		if err != nil {
			return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
		canonical.WriteString("— " + sig.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	if canonical.String() != string(signed) {
		return Checkpoint{}, fmt.Errorf("%w: it carries a signature of an unknown key, or bytes that nobody signed", ErrCheckpoint)
	}
	return ParseCheckpoint(opened.Text)
}

// noteText is the part of a signed note that [Checkpoint.ID] is made of; "" when there is none.
func noteText(signed []byte) string {
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return ""
	}
	return text + "\n"
}
