package desk

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/readmodels"
)

// Person finds a person by its user, or by a member ("" and a number): its ids, before anything is done about it. Error:
// [readmodels.ErrPersonNotFound].
func (d *Desk) Person(ctx context.Context, user string, member int64) (domain.Person, error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return domain.Person{}, err
	}
	people := readmodels.People{Pool: tables}
	if member != 0 {
		return people.OfMember(ctx, member)
	}
	return people.OfUser(ctx, user)
}

// ExportPerson makes everything that is known of a person, as [readmodels.People.Export] does, and hands it to who puts it into a
// file. It is recorded, as done once the file stands.
func (d *Desk) ExportPerson(
	ctx context.Context, c commands.Caller, person domain.Person, reason domain.Reason, file func(content func(io.Writer) error) error,
) (sections []readmodels.PersonSectionCount, err error) {
	tables, err := d.tables(ctx)
	if err != nil {
		return nil, err
	}
	on := domain.OperatorTarget{User: person.User}
	if person.User == "" {
		on.Member = person.Members[0]
	}
	head := readmodels.PersonExportHead{MadeAt: time.Now().UTC(), Behind: map[string]int64{}}
	stand, err := d.Projections(ctx) // before the record of the export is one that is not folded yet
	if err != nil {
		return nil, fmt.Errorf("look how far tables are behind the log: %w", err)
	}
	for _, p := range stand {
		if p.Lag > 0 {
			head.Behind[p.Projection] = p.Lag
		}
	}
	err = d.act(ctx, c, domain.ActionPersonExported, on, reason, simply(func(ctx context.Context) error {
		return file(func(out io.Writer) (err error) {
			sections, err = readmodels.People{Pool: tables}.Export(ctx, out, head, person)
			return err
		})
	}))
	return sections, err
}
