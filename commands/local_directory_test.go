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

// localTables are tables that show at once what is appended.
type localTables struct {
	told  map[string]domain.ToldEntity
	email string // that somebody has
}

func (t *localTables) Told(_ context.Context, keys []string) (map[string]domain.ToldEntity, error) {
	told := map[string]domain.ToldEntity{}
	for _, key := range keys {
		if entity, ok := t.told[key]; ok {
			told[key] = entity
		}
	}
	return told, nil
}

func (t *localTables) ContentsOf(context.Context, []int64, []string) ([]domain.StoredContent, error) {
	return nil, errors.New("nobody asks what posts say")
}

func (t *localTables) Moved() <-chan struct{} { return nil }

func (t *localTables) HasAccount(_ context.Context, agency, account string) (bool, error) {
	return agency == north && (account == north || account == south), nil
}

func (t *localTables) HasEmail(_ context.Context, _, email string) (bool, error) {
	return email == t.email, nil
}

func (t *localTables) Append(_ context.Context, d domain.Draft) error {
	entity, ok := d.Data.(domain.DirectoryEntity)
	if !ok {
		return errors.New("no entity")
	}
	t.told[d.Key] = domain.ToldEntity{Entity: entity}
	return nil
}

// What may not be added to a directory that is made here is refused, and nothing is appended.
func TestWhatIsNotAddedToTheDirectory(t *testing.T) {
	t.Parallel()
	staff := commands.Caller{UserID: nina, ParentAccount: north}
	person := func(account, email, key string) func(commands.LocalDirectory) error {
		return func(d commands.LocalDirectory) error {
			_, err := d.Invite(t.Context(), staff, commands.NewPerson{AccountID: account, Name: "Jonas", Email: email, Key: key})
			return err
		}
	}
	client := func(name, key string) func(commands.LocalDirectory) error {
		return func(d commands.LocalDirectory) error {
			_, err := d.AddClient(t.Context(), staff, commands.NewClient{Name: name, Key: key})
			return err
		}
	}
	for name, c := range map[string]struct {
		elsewhere     bool
		before, added func(commands.LocalDirectory) error
		why           domain.Code // "": it is added
	}{
		"a client":             {false, nil, client("Bakery", ""), ""},
		"a person of a client": {false, nil, person(south, "jonas@example.com", ""), ""},
		"a client, again":      {false, client("Bakery", "k"), client("Bakery", "k"), ""},
		"a client where another application tells": {true, nil, client("Bakery", ""), domain.CodeConflict},
		"a person where another application tells": {true, nil, person("", "jonas@example.com", ""), domain.CodeConflict},
		"a person of another agency's client":      {false, nil, person(east, "jonas@example.com", ""), domain.CodeUnprocessable},
		"a person with somebody's address":         {false, nil, person("", "taken@example.com", ""), domain.CodeConflict},
		"another client with the key of one":       {false, client("Bakery", "k"), client("Mill", "k"), domain.CodeUnprocessable},
		"another person with the key of one":       {false, person("", "a@example.com", "k"), person("", "b@example.com", "k"), domain.CodeUnprocessable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tables := &localTables{told: map[string]domain.ToldEntity{}, email: "taken@example.com"}
			directory := commands.LocalDirectory{Log: tables, Told: tables, People: tables, Local: !c.elsewhere, Now: func() time.Time {
				return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
			}}
			if c.before != nil {
				require.NoError(t, c.before(directory))
			}
			known := len(tables.told)
			err := c.added(directory)
			if c.why == "" {
				require.NoError(t, err)
				require.Len(t, tables.told, 1)
				return
			}
			require.Equal(t, c.why, domain.CodeOf(err), "%v", err)
			require.Len(t, tables.told, known, "nothing is appended")
		})
	}
}
