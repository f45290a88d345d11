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
	User    string        `required:"" help:"User id (sub), 24 hex digits; of an operator or a main application alone any name."`
	Account string        `type:"hexid" help:"Account id (account_id), 24 hex digits: the agency for roles agency and auditor, a sub-account for client."`
	Role    []string      `required:"" enum:"agency,client,auditor,operator,main_app" help:"Role; may be repeated."`
	For     time.Duration `default:"1h" help:"Lifetime of the token."`
	JSON    bool          `name:"json" help:"Print a JSON object with the token and its expiry."`
}

func (c tokenCommand) Run(_ context.Context, s streams) error {
	if c.JWTSecret == "" {
		return usageError{errors.New("set LEDGERBOARD_JWT_SECRET to the secret that the service has; tokens for LEDGERBOARD_JWT_KEYS are signed by the holder of the private key")}
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

// program is a name that the list of withdrawn subjects can hold, and none of the service's own.
var program = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,99}$`)

// judgeUser refuses a subject that no service takes: operators and main applications may go by names, people go by their ids.
func (c tokenCommand) judgeUser() error {
	if _, isID := domain.HexID(c.User); isID {
		return nil
	}
	if slices.ContainsFunc(c.Role, func(role string) bool { return role != string(api.RoleOperator) && role != string(api.RoleMainApp) }) {
		return usageError{fmt.Errorf("--user %q is not 24 hex digits", c.User)}
	}
	if !program.MatchString(c.User) {
		return usageError{fmt.Errorf("--user %q is no name: write letters, digits and . _ @ -, 100 at most", c.User)}
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

// Run implements the command. Nothing is stored: what is printed is all there is.
func (c keygenCommand) Run(_ context.Context, s streams) error {
	private, public, err := proof.GenerateKey()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(map[string]string{"private_key": private, "public_key": public})
	}
	fmt.Fprintf(s.Out, "LEDGERBOARD_CHECKPOINT_KEY=%s\n", private)
	fmt.Fprintf(s.Err, `The line above is the private key: a setting of the service, kept as a secret.
The public key, for auditors ('ledgerboard verify --key'), by another way than from the machine that is audited:
%s
`, public)
	return nil
}
