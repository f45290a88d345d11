package readmodels

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/pg"
)

// PersonExportFormat names the shape of the file that [People.Export] writes; docs/privacy.md describes it.
const PersonExportFormat = "ledgerboard-person-export-v1"

// PersonExportHead is the member "export" of such a file. The lists of its sections follow as further members, each a list of
// objects; an empty one says that nothing of its kind is known.
type PersonExportHead struct {
	Format        string    `json:"format"` // [PersonExportFormat]
	MadeAt        time.Time `json:"made_at"`
	ParentAccount string    `json:"parent_account"` // the agency
	User          string    `json:"user"`           // "": a member who is no user
	Members       []int64   `json:"members"`
	// Behind says how many events of the log each table does not hold yet; only projections that lag are named.
	Behind map[string]int64 `json:"events_not_folded_yet"`
}

// PersonSectionCount says how many rows a section of an export has.
type PersonSectionCount struct {
	Section string `json:"section"` // its name
	Rows    int    `json:"rows"`
}

// Export writes everything that is known of a person as one JSON object (GDPR article 15): its head, then the sections, all
// of one moment. Row by row, because the readings of a profile are many. What belongs to other people is left out; who
// decided something about this person stands by id.
func (p People) Export(ctx context.Context, out io.Writer, head PersonExportHead, person domain.Person) (counts []PersonSectionCount, err error) {
	head.Format, head.ParentAccount, head.User = PersonExportFormat, person.ParentAccount, person.User
	head.Members = append([]int64{}, person.Members...)
	err = pg.Snapshot(ctx, p.Pool, func(tx pgx.Tx) error {
		w := bufio.NewWriter(out)
		raw, err := json.Marshal(head)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "{\"export\":%s", raw) // errors of a bufio.Writer stay until Flush
		args := personArgs(person)
		for _, section := range personSections {
			n, err := writeSection(ctx, tx, w, section, args)
			if err != nil {
				return fmt.Errorf("export %s of a person: %w", section.name, err)
			}
			counts = append(counts, PersonSectionCount{section.name, n})
		}
		fmt.Fprint(w, "\n}\n")
		return w.Flush()
	})
	return counts, err
}

// personArgs are what the statements of the sections ask for.
func personArgs(p domain.Person) pgx.NamedArgs {
	connections := make([]int64, len(p.Connections))
	for i, c := range p.Connections {
		connections[i] = c.ID
	}
	own := func(ids []int64) []int64 { return append([]int64{}, ids...) } // null would be no empty list
	return pgx.NamedArgs{"user": p.User, "members": own(p.Members), "profiles": own(p.Profiles), "connections": connections}
}

// writeSection writes one list, a row of its statement as an object on a line each.
func writeSection(ctx context.Context, tx pgx.Tx, w *bufio.Writer, s personSection, args pgx.NamedArgs) (n int, err error) {
	fmt.Fprintf(w, ",\n%q:[", s.name)
	rows, _ := tx.Query(ctx, "select row_to_json(section)::text from ("+s.sql+") section", args)
	var row string
	_, err = pgx.ForEachRow(rows, []any{&row}, func() error {
		if n++; n > 1 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprint(w, "\n ", row)
		return nil
	})
	fmt.Fprint(w, "]")
	return n, err
}
