package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// questionWorld has a million readings of posts and half a million of accounts, in 50 agencies.
var questionWorld = figureWorld{name: "questions", posts: 200, slots: 100, agencies: 50}

// questionShapes are assignments that give all readings to fewer owners. Only the rows of owners
// name agency and client.
var questionShapes = []struct{ name, columns string }{
	{"50_agencies", ""},
	{"1_agency", "parent_account = '" + figureAgency(0) + "'"},
	{"1_client", "parent_account = '" + figureAgency(0) + "', account_id = '" + figureClient(0, 0) + "'"},
}

// statistics is the line with the times in the notice that PostgreSQL sends after a statement.
const statistics = "! system usage stats:\n!\t%f s user, %f s system,"

// question matches a question of docs/sql.md and its SQL.
var question = regexp.MustCompile("(?s)### ([^\n]+)\n\n```sql\n(.*?);\n```")

// questions measures the SQL of docs/sql.md, asked for four weeks of agency 0 and its first client: the time, and next
// to it the processor time of the database. The slowest question of each shape is printed last.
func (b *bench) questions(ctx context.Context, print func(result) error) error {
	document, err := os.ReadFile("docs/sql.md")
	if err != nil {
		return fmt.Errorf("read the questions: %w", err)
	}
	url, err := b.filled(ctx, questionWorld, questionWorld.agencies)
	if err != nil {
		return err
	}
	config, err := tablesConfig(url)
	if err != nil {
		return err
	}
	var spent time.Duration // of the database's processor time, by the last statement
	config.RuntimeParams["client_min_messages"] = "log"
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		var user, system float64
		if _, err := fmt.Sscanf(n.Detail, statistics, &user, &system); err == nil {
			spent = time.Duration((user + system) * float64(time.Second))
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(ctx)
	monday := questionWorld.now().Truncate(7*24*time.Hour).AddDate(0, 0, -28)
	filled := strings.NewReplacer(
		":'client'", "'"+figureClient(0, 0)+"'", ":'agency'", "'"+figureAgency(0)+"'", "lb.", "",
		":'from'", monday.Format("'2006-01-02'"), ":'to'", monday.AddDate(0, 0, 27).Format("'2006-01-02'"),
	)
	for _, shape := range questionShapes {
		if err := b.askQuestions(ctx, conn, shape.name, shape.columns, filled.Replace(string(document)), &spent, print); err != nil {
			return err
		}
	}
	return nil
}

// askQuestions asks in a transaction that is rolled back, so that each shape begins with the same owners.
func (b *bench) askQuestions(ctx context.Context, conn *pgx.Conn, shape, columns, document string, spent *time.Duration, print func(result) error) error {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // the connection is closed
	if columns != "" {
		for _, table := range []string{"figure_owners", "post_owners"} {
			if _, err := tx.Exec(ctx, "update "+table+" set "+columns+"; analyze "+table); err != nil {
				return fmt.Errorf("change the owners: %w", err)
			}
		}
	}
	if _, err := tx.Exec(ctx, "set local log_executor_stats = on"); err != nil {
		return fmt.Errorf("measure processor time: %w", err)
	}
	slowest := result{Unit: "ms", Limit: new(0.0)}
	for i, found := range question.FindAllStringSubmatch(document, -1) {
		var took, ran []time.Duration
		for range b.rounds {
			one, err := runBare(ctx, conn, []pgtest.Statement{{SQL: found[2]}})
			if err != nil {
				return fmt.Errorf("%s %w", found[1], err)
			}
			took, ran = append(took, one), append(ran, *spent)
		}
		r := against(fmt.Sprintf("questions_%s_%02d", shape, i+1), "ms", percentile(took, 0.5), percentile(ran, 0.5))
		if err := print(r); err != nil {
			return err
		}
		if *r.Limit > *slowest.Limit {
			slowest = r
		}
	}
	slowest.Name = "questions_" + shape + "_slowest"
	return print(slowest)
}
