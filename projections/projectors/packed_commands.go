package projectors

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"iter"
	"time"

	"github.com/google/uuid"

	"github.com/ledgerboard/ledgerboard/domain"
)

// packedCommands holds remembered commands in some 80 bytes each, and without pointers: a rebuild keeps those of an
// agency's last day, which may be a million, until it knows which time the last record has.
type packedCommands struct {
	streams  map[string]*commandLog // by agency
	subjects dictionary[string]
	subs     dictionary[string]
}

// commandLog is what one agency has sent, in segments that grow older together.
type commandLog struct{ segments []commandSegment }

type commandSegment struct {
	newest int64 // time of the newest command, in microseconds
	rows   []byte
}

// segmentBytes is how long a segment gets: what is forgotten is dropped segment by segment.
const segmentBytes = 64 << 10

// add packs a command.
func (p *packedCommands) add(r commandRow) {
	if p.streams == nil {
		p.streams = map[string]*commandLog{}
	}
	log := p.streams[r.parent]
	if log == nil {
		log = &commandLog{}
		p.streams[r.parent] = log
	}
	if n := len(log.segments); n == 0 || len(log.segments[n-1].rows) >= segmentBytes {
		log.segments = append(log.segments, commandSegment{})
	}
	s := &log.segments[len(log.segments)-1]
	s.newest = max(s.newest, r.time.UnixMicro())
	b := binary.AppendVarint(s.rows, r.time.UnixMicro())
	b = binary.AppendVarint(b, r.version)
	b = binary.AppendUvarint(b, p.subjects.place(r.subject))
	b = binary.AppendUvarint(b, p.subs.place(r.sub))
	s.rows = appendPackedText(appendPackedText(appendPackedText(b, r.key), r.commandID), r.digest)
}

// forget drops the segments of an agency of which every command is forgotten.
func (p *packedCommands) forget(parent string, head domain.StreamHead) {
	log := p.streams[parent]
	if log == nil {
		return
	}
	for len(log.segments) > 0 && log.segments[0].newest < forgetBefore(head) {
		log.segments = log.segments[1:]
	}
}

// forgetBefore is the time, in microseconds, before which commands are forgotten when a stream has this head.
func forgetBefore(head domain.StreamHead) int64 {
	return head.Time.Add(-domain.CommandMemory).UnixMicro()
}

// remembered are the commands that the agencies' heads do not let forget; of those of one scope the newest.
func (p *packedCommands) remembered(head func(parent string) domain.StreamHead) iter.Seq[commandRow] {
	return func(yield func(commandRow) bool) {
		for parent, log := range p.streams {
			newest, before := log.newest(), forgetBefore(head(parent))
			for c := range log.commands() {
				if c.time >= before && newest(c) && !yield(p.row(parent, c)) {
					return
				}
			}
		}
	}
}

// packedCommand is a command with its texts as they are packed.
type packedCommand struct {
	time, version   int64
	subject, sub    uint64
	key, id, digest []byte
}

func (l *commandLog) commands() iter.Seq[packedCommand] {
	return func(yield func(packedCommand) bool) {
		for _, s := range l.segments {
			for packed := (unpacking{s.rows}); len(packed.rest) > 0; {
				c := packedCommand{time: packed.varint(), version: packed.varint(), subject: packed.uvarint(), sub: packed.uvarint()}
				c.key, c.id, c.digest = packed.packedText(), packed.packedText(), packed.packedText()
				if !yield(c) {
					return
				}
			}
		}
	}
}

// newest tells which commands are the newest of their scope. Scopes are compared by their hash, so that a million take
// little room; nearly always each came once.
func (l *commandLog) newest() func(packedCommand) bool {
	versions, again := map[[16]byte]int64{}, false
	for c := range l.commands() {
		scope := c.scope()
		version, known := versions[scope]
		versions[scope], again = max(version, c.version), again || known
	}
	return func(c packedCommand) bool { return !again || versions[c.scope()] == c.version }
}

// scope stands for what a command of one agency is remembered under; equal texts are packed alike.
func (c packedCommand) scope() [16]byte {
	sum := sha256.Sum256(append(binary.AppendUvarint(nil, c.subject), c.key...))
	return [16]byte(sum[:16])
}

func (p *packedCommands) row(parent string, c packedCommand) commandRow {
	return commandRow{
		parent: parent, subject: p.subjects.list[c.subject], sub: p.subs.list[c.sub], version: c.version,
		key: unpackText(c.key), commandID: unpackText(c.id), digest: unpackText(c.digest), time: time.UnixMicro(c.time).UTC(),
	}
}

// How a text is packed: ids and digests take half of their letters, or less.
const (
	packedAsIs = iota
	packedUUID
	packedHex
)

func appendPackedText(b []byte, text string) []byte {
	if id, canonical := parseUUID(text); canonical {
		return append(append(b, packedUUID), id[:]...)
	}
	if raw, err := hex.DecodeString(text); err == nil && hex.EncodeToString(raw) == text {
		b = binary.AppendUvarint(append(b, packedHex), uint64(len(raw)))
		return append(b, raw...)
	}
	b = binary.AppendUvarint(append(b, packedAsIs), uint64(len(text)))
	return append(b, text...)
}

// packedText takes a text as it is packed.
func (u *unpacking) packedText() []byte {
	from := *u
	n := len(uuid.UUID{})
	if u.byte() != packedUUID {
		n = int(u.uvarint())
	}
	u.take(n)
	return from.take(len(from.rest) - len(u.rest))
}

func unpackText(packed []byte) string {
	u := unpacking{packed}
	switch u.byte() {
	case packedUUID:
		return uuid.UUID(u.rest).String()
	case packedHex:
		return hex.EncodeToString(u.take(int(u.uvarint())))
	default:
		return string(u.take(int(u.uvarint())))
	}
}
