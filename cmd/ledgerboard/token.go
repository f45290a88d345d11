package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

type tokenCommand struct {
	app.Tokens
	User    string        `required:"" help:"User id (sub), 24 hex digits. With only the role operator or main_app, any name."`
	Account string        `type:"hexid" help:"Account id (account_id), 24 hex digits: the agency for the roles agency and auditor, a sub-account for client."`
	Role    []string      `required:"" enum:"agency,client,auditor,operator,main_app" help:"Role; repeatable."`
	For     time.Duration `default:"1h" help:"Lifetime of the token."`
	JSON    bool          `help:"Print a JSON object with the token and its expiry time."`
}

func (t tokenCommand) Run(_ context.Context, std streams) error {
	if t.JWTSecret == "" {
		return usageError{errors.New("set LEDGERBOARD_JWT_SECRET to the secret of the service; " +
			"if the service uses LEDGERBOARD_JWT_KEYS, only the holder of the private key can sign tokens")}
	}
	if t.For <= 0 {
		return usageError{fmt.Errorf("--for is %s; use more than 0", t.For)}
	}
	if err := t.judgeUser(); err != nil {
		return err
	}
	expires := time.Now().Add(t.For)
	token, err := signToken(t.Tokens, t.User, t.Account, t.Role, expires)
	if err != nil {
		return err
	}
	result := map[string]any{"token": token, "expires_at": expires.UTC().Truncate(time.Second)}
	return say(std.Out, t.JSON, result, "%s\n", token)
}

// judgeUser returns an error if --user is not valid for the roles. Operators and main applications
// may have names; all other roles require an id.
func (t tokenCommand) judgeUser() error {
	if _, isID := domain.HexID(t.User); isID {
		return nil
	}
	requiresID := func(role string) bool { return role != string(api.RoleOperator) && role != string(api.RoleMainApp) }
	if slices.ContainsFunc(t.Role, requiresID) {
		return usageError{fmt.Errorf("--user %q is not 24 hex digits", t.User)}
	}
	if !domain.IsOperatorName(t.User) {
		return usageError{fmt.Errorf("--user %q is not a valid name: "+
			"use at most 100 letters, digits and the characters . _ @ -, starting with a letter or digit", t.User)}
	}
	return nil
}

func signToken(t app.Tokens, user, account string, roles []string, expires time.Time) (string, error) {
	key, err := secret.Read(t.JWTSecret)
	if err != nil {
		return "", wrapError("LEDGERBOARD_JWT_SECRET", err)
	}
	claims := jwt.MapClaims{
		"sub": user, "account_id": account, "role": roles,
		"iss": t.JWTIssuer, "aud": t.JWTAudience, "iat": time.Now().Unix(), "exp": expires.Unix(),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(key))
	return token, wrapError("sign token", err)
}

type keygenCommand struct {
	JSON bool `help:"Print a JSON object with private_key and public_key."`
}

// Run prints a new key pair and stores nothing.
func (k keygenCommand) Run(_ context.Context, std streams) error {
	private, public, err := proof.GenerateKey()
	if err != nil {
		return err
	}
	if k.JSON {
		return json.NewEncoder(std.Out).Encode(map[string]string{"private_key": private, "public_key": public})
	}
	fmt.Fprintf(std.Out, "LEDGERBOARD_CHECKPOINT_KEY=%s\n", private)
	fmt.Fprintf(std.Err, `The line above is a setting of the service and contains the private key. Keep it secret.
Give this public key to auditors ('ledgerboard verify --key'), but do not send it through the machine that they audit:
%s
`, public)
	return nil
}
