package proof

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

const (
	// format is the first line of every checkpoint and named in every bundle. Others are not read.
	format = "ledgerboard.proof.v2"
	// timeLayout is RFC 3339 in UTC with six digits, as in the records' headers.
	timeLayout = "2006-01-02T15:04:05.000000Z"
	// maxPartitions bounds the size of untrusted input.
	maxPartitions = 1 << 12
	// keyName is the name of keys from [GenerateKey]; it is part of the signature.
	keyName = "ledgerboard"
)

// ErrCheckpoint is wrapped by every error about a checkpoint's text or signature.
var ErrCheckpoint = errors.New("not a valid checkpoint")

// Checkpoint is a statement about topic `dashboards`. Its text is signed.
type Checkpoint struct {
	Time       time.Time // time of creation, by the signer's clock; UTC, whole microseconds
	Partitions []Covered // by number
}

// Covered is the part of a checkpoint about one partition.
type Covered struct {
	Records  int64     // effective records from the start of the partition
	Agencies int64     // agencies with one of these records: the leaves of the tree
	Root     tlog.Hash // root of the tree over the agencies' heads, in order of their first records
}

// Records returns the number of effective records, of all agencies, that the checkpoint covers.
func (c Checkpoint) Records() (n int64) {
	for _, p := range c.Partitions {
		n += p.Records
	}
	return n
}

// ID identifies a checkpoint: SHA-256 of its text, without signatures.
func (c Checkpoint) ID() tlog.Hash { return sha256.Sum256([]byte(c.Text())) }

// Text returns the text that is signed. Each line ends with a newline; there is one line per
// partition:
//
//	ledgerboard.proof.v2
//	time <RFC 3339, UTC, six digits>
//	partition <number> <records> <agencies> <root, base64>
func (c Checkpoint) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ntime %s\n", format, c.Time.UTC().Format(timeLayout))
	for i, p := range c.Partitions {
		fmt.Fprintf(&b, "partition %d %d %d %s\n", i, p.Records, p.Agencies, p.Root)
	}
	return b.String()
}

// ParseCheckpoint parses a text strictly: [Checkpoint.Text] of the result is the same text, byte
// for byte. The error wraps [ErrCheckpoint].
func ParseCheckpoint(text string) (c Checkpoint, err error) {
	malformed := fmt.Errorf("%w: the text is not in canonical form", ErrCheckpoint)
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		switch {
		case i == 0:
		case i == 1:
			c.Time, _ = time.Parse("time "+timeLayout, line)
		case i > maxPartitions+1:
			return Checkpoint{}, malformed
		default: // an invalid value becomes zero, and the comparison of the text fails
			var p Covered
			var number int
			var root string
			_, err := fmt.Sscanf(line, "partition %d %d %d %s", &number, &p.Records, &p.Agencies, &root)
			p.Root, _ = tlog.ParseHash(root)
			if err != nil || min(p.Records, p.Agencies) < 0 {
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

// Sign returns the signed note of a checkpoint.
func (c Checkpoint) Sign(signer note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: c.Text()}, signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return signed, nil
}

// OpenCheckpoint verifies a signed note and parses its text. Every signature must be valid and made
// with a known key, and the note must be in canonical form; otherwise the error wraps
// [ErrCheckpoint].
func OpenCheckpoint(signed []byte, verifiers note.Verifiers) (Checkpoint, error) {
	opened, err := note.Open(signed, verifiers)
	if unknown := (*note.UnverifiedNoteError)(nil); errors.As(err, &unknown) && len(unknown.Note.UnverifiedSigs) > 0 {
		key := unknown.Note.UnverifiedSigs[0]
		return Checkpoint{}, fmt.Errorf("%w: it is signed with the key %s+%08x, which is not the given one",
			ErrCheckpoint, key.Name, key.Hash)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	// note.Open ignores signatures of unknown keys, and base64 has several encodings of one value,
	// so unsigned bytes could be changed unnoticed.
	var canonical strings.Builder
	canonical.WriteString(opened.Text + "\n")
	for _, sig := range opened.Sigs {
		raw, _ := base64.StdEncoding.DecodeString(sig.Base64) // the library has already decoded it
		canonical.WriteString("— " + sig.Name + " " + base64.StdEncoding.EncodeToString(raw) + "\n")
	}
	if canonical.String() != string(signed) {
		return Checkpoint{}, fmt.Errorf("%w: it contains a signature of an unknown key, or unsigned bytes",
			ErrCheckpoint)
	}
	return ParseCheckpoint(opened.Text)
}

// signed is a note, and its checkpoint if the note is valid.
type signed struct {
	Checkpoint

	note     string
	location string // for people
	topic    string // id of the topic that was signed, from outside of the note; "" if it is not known
	err      error  // why the note is invalid
	fails    bool   // the log contradicts it
}

// contradicted returns [ErrContradiction] with the checkpoint's time and location.
func (s *signed) contradicted() error {
	return fmt.Errorf("%w: the checkpoint of %s at %s", ErrContradiction, s.Time.Format(timeLayout), s.location)
}

// id returns the checkpoint's id in hexadecimal.
func (s *signed) id() string {
	id := s.ID()
	return hex.EncodeToString(id[:])
}

func openSigned(text, location string, verifiers note.Verifiers) *signed {
	s := &signed{note: text, location: location}
	s.Checkpoint, s.err = OpenCheckpoint([]byte(text), verifiers)
	return s
}

var checkpointType = domain.CheckpointSigned{}.EventType()

// readCheckpoints returns the checkpoints on `operations` from an offset on, in order, and the next
// offset. Invalid notes are included with their error.
func readCheckpoints(
	ctx context.Context, source Source, verifiers note.Verifiers, from int64,
) (list []*signed, next int64, err error) {
	ranges, id, err := source.Ranges(ctx, domain.TopicOperations)
	if err != nil {
		return nil, from, fmt.Errorf("read checkpoints: %w", err)
	}
	p := eventlog.PartitionOf([]byte(domain.OperationsKeyAll), int32(len(ranges)))
	err = source.Scan(ctx, eventlog.ScanConfig{
		Topic: domain.TopicOperations, Key: domain.OperationsKeyAll, TopicID: id,
		From: map[int32]int64{p: from}, To: map[int32]int64{p: ranges[p].End},
		Handle: eventlog.ByRecord(func(r eventlog.Record) error {
			if r.Header("ce_type") != checkpointType {
				return nil
			}
			recorded, _ := source.Decode(r) // an unreadable record has an empty note, which is invalid
			data, _ := recorded.Data.(domain.CheckpointSigned)
			location := fmt.Sprintf("operations/%d offset %d", r.Partition, r.Offset)
			c := openSigned(data.Note, location, verifiers)
			c.topic = data.Topic
			list = append(list, c)
			return nil
		}),
	})
	if err != nil {
		return nil, from, fmt.Errorf("read checkpoints: %w", err)
	}
	return list, ranges[p].End, nil
}

// GenerateKey generates a key pair for checkpoints: the private key for [Signer], the public key
// for everyone who verifies.
func GenerateKey() (private, public string, err error) {
	private, public, err = note.GenerateKey(rand.Reader, keyName)
	if err != nil {
		return "", "", fmt.Errorf("generate checkpoint key: %w", err)
	}
	return private, public, nil
}

// ParseKey parses a private key in the format of golang.org/x/mod/sumdb/note, or file:PATH, and
// returns its public key too. Its error never contains the key.
func ParseKey(setting string) (signer note.Signer, public string, err error) {
	private, err := secret.Read(setting)
	if err != nil {
		return nil, "", err
	}
	malformed := errors.New("invalid checkpoint key: the format is PRIVATE+KEY+<name>+<hash>+<base64>")
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

// ReadKeys returns public keys of checkpoints. Each argument is a key or the name of a file with
// keys.
func ReadKeys(keysOrFiles []string) ([]string, error) {
	var keys []string
	for _, key := range keysOrFiles {
		if _, err := ParseVerifiers(key); err == nil {
			keys = append(keys, key)
			continue
		}
		text, err := secret.ReadFile(key)
		if failed, ok := errors.AsType[*fs.PathError](err); ok { // it contains the whole argument
			err = fmt.Errorf("%s is neither a public key nor a file of public keys: %w", shown(key), failed.Err)
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, strings.Fields(text)...)
	}
	if _, err := ParseVerifiers(keys...); err != nil {
		return nil, err
	}
	return keys, nil
}

// ParseVerifiers parses public keys: the current one and those of earlier checkpoints. Without keys,
// it returns nil.
func ParseVerifiers(public ...string) (note.Verifiers, error) {
	var list []note.Verifier
	texts := map[uint32]string{}
	for _, key := range public {
		if key = strings.TrimSpace(key); slices.Contains(slices.Collect(maps.Values(texts)), key) {
			continue
		}
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%s is not a public key for checkpoints; the format is <name>+<hash>+<base64>",
				shown(key))
		}
		list, texts[v.KeyHash()] = append(list, v), key
	}
	if len(list) == 0 {
		return nil, nil //nolint:nilnil // absent
	}
	return publicKeys{note.VerifierList(list...), texts}, nil
}

// shown returns what an error shows of something that is not a public key: nothing of a private key,
// which is short enough to be shown whole.
func shown(key string) string {
	if strings.Contains(key, "PRIVATE+KEY") || strings.Contains(key, "PRIVATE KEY") { // of checkpoints, or PEM
		return "a private key"
	}
	return fmt.Sprintf("%.80q", key)
}

type publicKeys struct {
	note.Verifiers

	texts map[uint32]string // by key hash
}

// publicKeyOf returns the text of the public key that verifies a note; "" if the key is unknown.
func publicKeyOf(signed string, verifiers note.Verifiers) string {
	keys, _ := verifiers.(publicKeys)
	opened, err := note.Open([]byte(signed), verifiers)
	if err != nil {
		return ""
	}
	return keys.texts[opened.Sigs[0].Hash]
}
