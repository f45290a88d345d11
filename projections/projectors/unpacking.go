package projectors

import (
	"encoding/binary"
)

// unpacking is what is left of a packed series.
type unpacking struct{ rest []byte }

func (u *unpacking) take(n int) []byte {
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

func (u *unpacking) byte() byte { return u.take(1)[0] }

func (u *unpacking) varint() int64 {
	v, n := binary.Varint(u.rest)
	u.rest = u.rest[n:]
	return v
}

func (u *unpacking) uvarint() uint64 {
	v, n := binary.Uvarint(u.rest)
	u.rest = u.rest[n:]
	return v
}
