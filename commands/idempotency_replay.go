package commands

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/ledgerboard/ledgerboard/domain"
)

// replay answers a repeated request with the document as of the version that the first one made.
func (d *Dashboards) replay(ctx context.Context, c change, earlier domain.EarlierCommand) (Result, error) {
	if earlier.RequestDigest != c.digest {
		return Result{}, domain.NewError(domain.CodeUnprocessable,
			"This Idempotency-Key was used for another request. Use a new key for a new request.").
			WithField("Idempotency-Key", "was used with another method, path or body")
	}
	document, err := d.Store.Document(ctx, c.ParentAccount, earlier.SubAccount, earlier.Version)
	if err != nil {
		return Result{}, fmt.Errorf("read document of earlier command: %w", err)
	}
	return Result{Dashboard: document, Replayed: true}, nil
}

// name is the key that a repetition is known by.
func (c change) name() string { return cmp.Or(c.key, c.commandID) }

// keyDigest is what the log and the tables hold in the place of an idempotency key: callers write there what they like, and the log
// forgets nothing. It is the hex SHA-256 of agency, subject and key, each behind its length in bytes (8 of them, big-endian), so that
// one key of two callers is no link between them. Whoever guesses a key can still confirm it. "" stays "".
func keyDigest(c Caller, key string) string {
	if key == "" {
		return ""
	}
	var text []byte
	for _, part := range []string{c.ParentAccount, c.UserID, key} {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
