package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

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

// question matches the SQL of a question of docs/sql.md.
var question = regexp.MustCompile("(?s)### [^\n]+\n\n```sql\n(.*?);\n```")

// questions measures the SQL of docs/sql.md, asked for four weeks of agency 0 and its first client: the
// time, and next to it the processor time of the database. The slowest question of each shape is printed
// last.
func questions(b *bench) {
	document, err := os.ReadFile("docs/sql.md")
	require.NoError(b, err)
	pool := b.database(8)
	questionWorld.fillTables(b, pool, questionWorld.agencies)
	var spent time.Duration // of the database's processor time, by the last statement
	conn := connectTables(b, pool.Config().ConnString(), func(_ *pgconn.PgConn, n *pgconn.Notice) {
		var user, system float64
		if _, err := fmt.Sscanf(n.Detail, statistics, &user, &system); err == nil {
			spent = time.Duration((user + system) * float64(time.Second))
		}
	})
	_, err = conn.Exec(b.ctx, "set client_min_messages = 'log'; set log_executor_stats = on")
	require.NoError(b, err)
	monday := questionWorld.now().Truncate(7*24*time.Hour).AddDate(0, 0, -28)
	asked := question.FindAllStringSubmatch(strings.NewReplacer(
		":'client'", "'"+figureClient(0, 0)+"'", ":'agency'", "'"+figureAgency(0)+"'", "lb.", "",
		":'from'", monday.Format("'2006-01-02'"), ":'to'", monday.AddDate(0, 0, 27).Format("'2006-01-02'"),
	).Replace(string(document)), -1)
	for _, shape := range questionShapes {
		askQuestions(b, conn, shape.name, shape.columns, asked, &spent)
	}
}

// askQuestions asks in a transaction that is rolled back, so that each shape begins with the same owners.
func askQuestions(b *bench, conn *pgx.Conn, shape, columns string, asked [][]string, spent *time.Duration) {
	tx, err := conn.Begin(b.ctx)
	require.NoError(b, err)
	defer tx.Rollback(b.ctx) //nolint:errcheck // the connection is closed
	if columns != "" {
		for _, table := range []string{"figure_owners", "post_owners"} {
			_, err := tx.Exec(b.ctx, "update "+table+" set "+columns+"; analyze "+table)
			require.NoError(b, err)
		}
	}
	var slowest, spentMost float64
	for i, found := range asked {
		var took, ran []time.Duration
		for range b.rounds {
			took, ran = append(took, runBare(b, conn, []pgtest.Statement{{SQL: found[1]}})), append(ran, *spent)
		}
		wall, processor := percentile(took, 0.5), percentile(ran, 0.5)
		b.compare(fmt.Sprintf("questions_%s_%02d", shape, i+1), "ms", wall, processor)
		if processor > spentMost {
			slowest, spentMost = wall, processor
		}
	}
	b.compare("questions_"+shape+"_slowest", "ms", slowest, spentMost)
}
