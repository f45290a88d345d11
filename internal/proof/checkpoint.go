package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

const (
	// origin is the first line of every checkpoint.
	origin = "ledgerboard/dashboards"
	// timeLayout is RFC 3339 in UTC with six digits, as in the records' headers.
	timeLayout = "2006-01-02T15:04:05.000000Z"
	// maxPartitions bounds what is read from outside.
	maxPartitions = 1 << 12
	// keyName is the name of keys that [GenerateKey] makes; it is part of the signature.
	keyName = "ledgerboard"
)

// ErrCheckpoint is wrapped by every refusal of a checkpoint's text or signature.
var ErrCheckpoint = errors.New("not a valid checkpoint")

// Checkpoint is a statement about topic `dashboards`. Its text is signed.
type Checkpoint struct {
	Time       time.Time // when it was made, by the signer's clock; UTC, whole microseconds
	Partitions []Covered // by number
}

// Covered is what a checkpoint says of one partition.
type Covered struct {
	Next    int64     // the first offset that it does not cover
	Records int64     // effective records before Next: the leaves of the tree
	Root    tlog.Hash // of the tree over them
	Streams int64     // streams that have a record before Next
	Heads   tlog.Hash // root of the tree over the streams' last records, sorted by key
}

// Records is how many effective records it covers, of all agencies.
func (c Checkpoint) Records() (n int64) {
	for _, p := range c.Partitions {
		n += p.Records
	}
	return n
}

// ID identifies a checkpoint: SHA-256 of its text, without signatures.
func (c Checkpoint) ID() tlog.Hash { return sha256.Sum256([]byte(c.Text())) }

// Text is what is signed, each line ended by a newline, with one line for each partition:
//
//	ledgerboard/dashboards
//	time <RFC 3339, UTC, six digits>
//	partition <number> <next offset> <records> <root, base64> <streams> <root of their last records, base64>
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ntime %s\n", origin, c.Time.UTC().Format(timeLayout))
	for i, p := range c.Partitions {
		fmt.Fprintf(&b, "partition %d %d %d %s %d %s\n", i, p.Next, p.Records, p.Root, p.Streams, p.Heads)
	}
	return b.String()
}

// ParseCheckpoint reads a text strictly: what it accepts, [Checkpoint.Text] writes byte for byte. The error wraps
// [ErrCheckpoint].
func ParseCheckpoint(text string) (c Checkpoint, err error) {
	malformed := fmt.Errorf("%w: it is not written as it must be", ErrCheckpoint)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case i == 0:
		case i == 1:
			c.Time, _ = time.Parse("time "+timeLayout, line)
		case i > maxPartitions+1:
			return Checkpoint{}, malformed
		default: // what cannot be read is zero, and the text of that is another one
			var p Covered
			var number int
			var root, heads string
			_, err := fmt.Sscanf(line, "partition %d %d %d %s %d %s", &number, &p.Next, &p.Records, &root, &p.Streams, &heads)
			p.Root, _ = tlog.ParseHash(root)
			p.Heads, _ = tlog.ParseHash(heads)
			if err != nil || min(p.Next, p.Records, p.Streams) < 0 {
				return Checkpoint{}, malformed
			}
			c.Partitions = append(c.Partitions, p)
		}
	}
	if len(c.Partitions) == 0 || c.Text() != text {
		return Checkpoint{}, malformed
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

// OpenCheckpoint checks a signed note and reads its text. Every signature on it must be of a known key and verify, and
// every byte must be as the signer wrote it; otherwise the error wraps [ErrCheckpoint].
func OpenCheckpoint(signed []byte, known note.Verifiers) (Checkpoint, error) {
	opened, err := note.Open(signed, known)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	// note.Open ignores signatures of unknown keys, and base64 has several spellings of one value: bytes that no one
	// signed could be changed unnoticed.
	var canonical strings.Builder
	canonical.WriteString(opened.Text + "\n")
	for _, sig := range opened.Sigs {
		raw, _ := base64.StdEncoding.DecodeString(sig.Base64) // the library has decoded it once
		canonical.WriteString("— " + sig.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	if canonical.String() != string(signed) {
		return Checkpoint{}, fmt.Errorf("%w: it carries a signature of an unknown key, or bytes that no one signed", ErrCheckpoint)
	}
	return ParseCheckpoint(opened.Text)
}

// signed is a note that was found, and its checkpoint if it holds.
type signed struct {
	Checkpoint

	note  string
	where string // for people
	err   error  // why it does not open
	fails bool   // the log contradicts it
}

func openSigned(text, where string, known note.Verifiers) *signed {
	s := &signed{note: text, where: where}
	s.Checkpoint, s.err = OpenCheckpoint([]byte(text), known)
	return s
}

var checkpointType = domain.CheckpointSigned{}.EventType()

// readCheckpoints returns the checkpoints on `operations` from an offset on, in order, and the offset to go on from. Those that do
// not open are listed with their error.
func readCheckpoints(ctx context.Context, source Source, known note.Verifiers, from int64) (list []*signed, next int64, err error) {
	ranges, id, err := source.Ranges(ctx, domain.TopicOperations)
	if err != nil {
		return nil, from, fmt.Errorf("read checkpoints: %w", err)
	}
	p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), int32(len(ranges)))
	err = source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, TopicID: id,
		From: map[int32]int64{p: from}, To: map[int32]int64{p: ranges[p].End},
		Handle: func(_ context.Context, run eventlog.Run) error {
			for _, r := range run.Records {
				if r.Header("ce_type") != checkpointType {
					continue
				}
				recorded, _ := source.Decode(r) // a record that cannot be read has no note, which does not open
				data, _ := recorded.Data.(domain.CheckpointSigned)
				list = append(list, openSigned(data.Note, fmt.Sprintf("operations/%d offset %d", r.Partition, r.Offset), known))
			}
			return nil
		},
	})
	if err != nil {
		return nil, from, fmt.Errorf("read checkpoints: %w", err)
	}
	return list, ranges[p].End, nil
}

// GenerateKey makes a pair of keys for checkpoints: private for [Signer]'s configuration, public for everybody who
// verifies.
func GenerateKey() (private, public string, err error) {
	private, public, err = note.GenerateKey(rand.Reader, keyName)
	if err != nil {
		return "", "", fmt.Errorf("make checkpoint key: %w", err)
	}
	return private, public, nil
}

// ParseKey reads a private key as golang.org/x/mod/sumdb/note writes it, and returns its public key too. Its error never
// holds the key.
func ParseKey(private string) (signer note.Signer, public string, err error) {
	malformed := errors.New("the checkpoint key is not one: it must read PRIVATE+KEY+<name>+<hash>+<base64>")
	signer, err = note.NewSigner(private)
	if err != nil {
		return nil, "", malformed
	}
	raw, err := base64.StdEncoding.DecodeString(strings.SplitN(private, "+", 5)[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, "", malformed
	}
	key := ed25519.NewKeyFromSeed(raw[1:])
	public, err = note.NewEd25519VerifierKey(signer.Name(), key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, "", malformed
	}
	return signer, public, nil
}

// ParseVerifiers reads public keys: the present one and those of earlier checkpoints.
func ParseVerifiers(public ...string) (note.Verifiers, error) {
	var list []note.Verifier
	texts := map[uint32]string{}
	for _, key := range public {
		if key = strings.TrimSpace(key); slices.Contains(slices.Collect(maps.Values(texts)), key) {
			continue
		}
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%.80q is not a public key of checkpoints (<name>+<hash>+<base64>)", key)
		}
		list, texts[v.KeyHash()] = append(list, v), key
	}
	return publicKeys{note.VerifierList(list...), texts}, nil
}

// publicKeys are verifiers that still know their text.
type publicKeys struct {
	note.Verifiers

	texts map[uint32]string // by key hash
}

// publicKeyOf is the text of the key, of those that are known, that signed a note; "" if the text is not known.
func publicKeyOf(signed string, known note.Verifiers) string {
	keys, _ := known.(publicKeys)
	opened, err := note.Open([]byte(signed), known)
	if err != nil {
		return ""
	}
	return keys.texts[opened.Sigs[0].Hash]
}
