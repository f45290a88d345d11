package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

type tokenCommand struct {
	tokens
	User    string        `required:"" help:"User id (sub), 24 hex digits. For the roles operator and main_app alone, any name."`
	Account string        `type:"hexid" help:"Account id (account_id), 24 hex digits: the agency for the roles agency and auditor, a sub-account for client."`
	Role    []string      `required:"" enum:"agency,client,auditor,operator,main_app" help:"Role; repeatable."`
	For     time.Duration `default:"1h" help:"Lifetime of the token."`
	JSON    bool          `name:"json" help:"Print a JSON object with the token and its expiry time."`
}

func (c tokenCommand) Run(_ context.Context, s streams) error {
	if c.JWTSecret == "" {
		return usageError{errors.New("set LEDGERBOARD_JWT_SECRET to the secret of the service; tokens for LEDGERBOARD_JWT_KEYS must be signed by the holder of the private key")}
	}
	if c.For <= 0 {
		return usageError{fmt.Errorf("--for is %s; use more than 0", c.For)}
	}
	if err := c.judgeUser(); err != nil {
		return err
	}
	expires := time.Now().Add(c.For)
	token, err := c.sign(c.User, c.Account, c.Role, expires)
	if err != nil {
		return err
	}
	return say(s.Out, c.JSON, map[string]any{"token": token, "expires_at": expires.UTC().Truncate(time.Second)}, "%s\n", token)
}

// program matches the names of operators and main applications. They fit into the list of withdrawn
// subjects and differ from the service's own names.
var program = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)

// judgeUser refuses a subject that the service does not accept: operators and main applications can
// have names; all others need an id.
func (c tokenCommand) judgeUser() error {
	if _, isID := domain.HexID(c.User); isID {
		return nil
	}
	if slices.ContainsFunc(c.Role, func(role string) bool { return role != string(api.RoleOperator) && role != string(api.RoleMainApp) }) {
		return usageError{fmt.Errorf("--user %q is not 24 hex digits", c.User)}
	}
	if !program.MatchString(c.User) {
		return usageError{fmt.Errorf("--user %q is not a valid name: use at most 100 letters, digits and . _ @ -", c.User)}
	}
	return nil
}

func (t tokens) sign(user, account string, roles []string, expires time.Time) (string, error) {
	claims := jwt.MapClaims{
		"sub": user, "account_id": account, "role": roles,
		"iss": t.JWTIssuer, "aud": t.JWTAudience, "iat": time.Now().Unix(), "exp": expires.Unix(),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(t.JWTSecret))
	if err != nil {
		return "", fmt.Errorf("sign token: %w", err)
	}
	return token, nil
}

type keygenCommand struct {
	JSON bool `name:"json" help:"Print a JSON object with private_key and public_key."`
}

// Run implements the command. It stores nothing.
func (c keygenCommand) Run(_ context.Context, s streams) error {
	private, public, err := proof.GenerateKey()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(map[string]string{"private_key": private, "public_key": public})
	}
	fmt.Fprintf(s.Out, "LEDGERBOARD_CHECKPOINT_KEY=%s\n", private)
	fmt.Fprintf(s.Err, `The line above is the private key: a setting of the service. Keep it secret.
Give this public key to auditors ('ledgerboard verify --key'), but not by way of the machine that they audit:
%s
`, public)
	return nil
}
