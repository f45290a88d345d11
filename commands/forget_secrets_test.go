package commands_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

type staleSecrets struct {
	gone   []int64
	refs   []string
	before time.Time
}

func (s *staleSecrets) DeleteStale(_ context.Context, gone []int64, refs []string, before time.Time) (int, error) {
	s.gone, s.refs, s.before = gone, refs, before
	return len(refs), nil
}

// A secret is deleted for a tombstone that is the last word about its owner, and for nothing else.
func TestSecretsOfWhatWasDeleted(t *testing.T) {
	t.Parallel()
	connection := func(id int64, ref string) domain.Recorded {
		data := domain.DirectoryConnection{ID: id, SecretRef: ref}
		return domain.Recorded{Key: domain.EntityKey(data), Data: data}
	}
	tombstone := func(key string) domain.Recorded { return domain.Recorded{Key: key} }
	unreadable := func(r domain.Recorded) domain.Recorded {
		r.Offset = -1
		return r
	}
	for name, c := range map[string]struct {
		log  []domain.Recorded
		want []string
	}{
		"nothing is there":                    {},
		"it lives":                            {[]domain.Recorded{connection(7, "a")}, nil},
		"it is deleted":                       {[]domain.Recorded{connection(7, "a"), tombstone("connection:7")}, []string{"a", "connection/7"}},
		"under every name that it had":        {[]domain.Recorded{connection(7, "a"), connection(7, "b"), tombstone("connection:7")}, []string{"a", "b", "connection/7"}},
		"the record that named it is gone":    {[]domain.Recorded{tombstone("connection:7")}, []string{"connection/7"}},
		"it has come back":                    {[]domain.Recorded{connection(7, "a"), tombstone("connection:7"), connection(7, "a")}, nil},
		"it may have come back":               {[]domain.Recorded{connection(7, "a"), tombstone("connection:7"), unreadable(tombstone("connection:7"))}, nil},
		"the tombstone cannot be read":        {[]domain.Recorded{connection(7, "a"), unreadable(tombstone("connection:7"))}, nil},
		"another uses it":                     {[]domain.Recorded{connection(7, "a"), connection(8, "a"), tombstone("connection:7")}, []string{"connection/7"}},
		"something else is deleted":           {[]domain.Recorded{connection(7, "a"), tombstone("social_account:7"), tombstone("member:7")}, nil},
		"an operator's word changes nothing":  {[]domain.Recorded{connection(7, "a"), {Key: "connection:7", Data: domain.ProjectionResumed{}}}, nil},
		"nor does one that follows tombstone": {[]domain.Recorded{connection(7, ""), tombstone("connection:7"), {Key: "connection:7", Data: domain.ProjectionResumed{}}}, []string{"connection/7"}},
		"a key of nobody":                     {[]domain.Recorded{tombstone("connection")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var secrets staleSecrets
			forget := commands.ForgetSecrets{Secrets: &secrets, Now: func() time.Time { return auditNow }}
			forget.Directory = func(_ context.Context, each func(domain.Recorded, error)) error {
				for i, r := range c.log {
					if r.Envelope.Time.IsZero() {
						r.Envelope.Time = auditNow.Add(time.Duration(i) * time.Second)
					}
					var err error
					if r.Offset < 0 {
						err = errors.New("cannot be decoded")
					}
					each(r, err)
				}
				return nil
			}
			deleted, err := forget.Forget(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.want, secrets.refs)
			require.Equal(t, len(c.want), deleted)
			if c.want != nil {
				for _, connection := range secrets.gone {
					require.EqualValues(t, 7, connection, "no other connection is gone")
				}
				require.Equal(t, auditNow.Add(-time.Hour), secrets.before, "one that an import has just stored stays")
			}
		})
	}
	t.Run("half a directory says nothing", func(t *testing.T) {
		t.Parallel()
		var secrets staleSecrets
		forget := commands.ForgetSecrets{Secrets: &secrets, Now: time.Now}
		forget.Directory = func(_ context.Context, each func(domain.Recorded, error)) error {
			each(connection(7, "a"), nil)
			each(tombstone("connection:7"), nil)
			return errors.New("the brokers are away")
		}
		_, err := forget.Forget(t.Context())
		require.ErrorContains(t, err, "brokers are away")
		require.Nil(t, secrets.refs)
	})
}
