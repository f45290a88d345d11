package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/identity"
	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/proof"
	"github.com/ledgerboard/ledgerboard/internal/secret"
)

type tokenCommand struct {
	tokens
	User    string        `required:"" help:"User id (sub), 24 hex digits. With only the role operator or main_app, any name."`
	Account string        `type:"hexid" help:"Account id (account_id), 24 hex digits: the agency for the roles agency and auditor, a sub-account for client."`
	Role    []string      `required:"" enum:"agency,client,auditor,operator,main_app" help:"Role; repeatable."`
	For     time.Duration `default:"1h" help:"Lifetime of the token."`
	JSON    bool          `help:"Print a JSON object with the token and its expiry time."`
}

func (c tokenCommand) Run(_ context.Context, s streams) error {
	if c.JWTSecret == "" {
		return usageError{errors.New("set LEDGERBOARD_JWT_SECRET to the secret of the service; " +
			"if the service uses LEDGERBOARD_JWT_KEYS, only the holder of the private key can sign tokens")}
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
	result := map[string]any{"token": token, "expires_at": expires.UTC().Truncate(time.Second)}
	return say(s.Out, c.JSON, result, "%s\n", token)
}

// judgeUser returns an error if --user is not valid for the roles. Operators and main applications
// may have names; all other roles require an id.
func (c tokenCommand) judgeUser() error {
	if _, isID := domain.HexID(c.User); isID {
		return nil
	}
	requiresID := func(role string) bool { return role != string(api.RoleOperator) && role != string(api.RoleMainApp) }
	if slices.ContainsFunc(c.Role, requiresID) {
		return usageError{fmt.Errorf("--user %q is not 24 hex digits", c.User)}
	}
	if !domain.IsOperatorName(c.User) {
		return usageError{fmt.Errorf("--user %q is not a valid name: "+
			"use at most 100 letters, digits and the characters . _ @ -, starting with a letter or digit", c.User)}
	}
	return nil
}

func (t tokens) sign(user, account string, roles []string, expires time.Time) (string, error) {
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
func (c keygenCommand) Run(_ context.Context, s streams) error {
	private, public, err := proof.GenerateKey()
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(map[string]string{"private_key": private, "public_key": public})
	}
	fmt.Fprintf(s.Out, "LEDGERBOARD_CHECKPOINT_KEY=%s\n", private)
	fmt.Fprintf(s.Err, `The line above is a setting of the service and contains the private key. Keep it secret.
Give this public key to auditors ('ledgerboard verify --key'), but do not send it through the machine that they audit:
%s
`, public)
	return nil
}

type signInLinkCommand struct {
	installation
	actionFlags
	User      string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits. The directory defines the user's role."`
	PublicURL string `env:"LEDGERBOARD_PUBLIC_URL" placeholder:"https://…" help:"Public URL of the service; use the same value as the service."`
	ValidFor  string `default:"24h" help:"Lifetime of the link: 15m to 168h (7 days)."`
	Issuer    string `name:"oidc-issuer" env:"LEDGERBOARD_OIDC_ISSUER" placeholder:"https://…" help:"Issuer of the identity provider; use the same value as the service. If set, --subject is required."`
	Subject   string `placeholder:"SUB" help:"Link the user to this subject (claim sub) of the identity provider instead of creating a sign-in link. The log shows the subject of a refused sign-in."`
	JSON      bool   `help:"Print a JSON object."`
}

func (c signInLinkCommand) Run(ctx context.Context, s streams) (err error) {
	if c.Subject != "" {
		return c.linkSubject(ctx, s)
	}
	validFor, err := api.SignInLinkDuration(c.ValidFor)
	if err != nil {
		return usageError{fmt.Errorf("--valid-for %q: %w", c.ValidFor, err)}
	}
	if c.Issuer != "" {
		return usageError{fmt.Errorf("LEDGERBOARD_OIDC_ISSUER is set: people sign in at %s, and links do not sign anyone in; "+
			"--subject links a user to a subject there", c.Issuer)}
	}
	if c.PublicURL == "" {
		return usageError{errors.New("LEDGERBOARD_PUBLIC_URL is not set: set it to the public URL of the service")}
	}
	if err := wrapError("LEDGERBOARD_PUBLIC_URL", checkPublicURL(c.PublicURL)); err != nil {
		return usageError{err}
	}
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		person, err := ops.Candidate(ctx, c.User)
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("create a link that signs in user %s once, as %s of account %s",
			c.User, person.Role, person.AccountID))
		if err != nil {
			return err
		}
		path, until, err := ops.MakeSignInLink(ctx, operatorCaller(), person, validFor, reason)
		if err != nil {
			return commandError(err)
		}
		address, until := strings.TrimSuffix(c.PublicURL, "/")+path, until.UTC().Truncate(time.Second)
		result := map[string]any{
			"url": address, "user_id": person.UserID, "role": person.Role, "expires_at": until,
		}
		return say(s.Out, c.JSON, result, "The link signs the user in once, until %s. Send it only to that user:\n%s\n",
			until.Format(time.RFC3339), address)
	})
}

// maxSubject is the maximum length of a subject (OpenID Connect Core §2).
const maxSubject = 255

// linkSubject links the user to a subject of the identity provider, for people whose address the
// provider does not verify.
func (c signInLinkCommand) linkSubject(ctx context.Context, s streams) error {
	if c.Issuer == "" {
		return usageError{errors.New("--subject: LEDGERBOARD_OIDC_ISSUER is not set, so there is no identity provider to link to")}
	}
	if err := wrapError("LEDGERBOARD_OIDC_ISSUER", identity.CheckIssuer(c.Issuer)); err != nil {
		return usageError{err}
	}
	if len(c.Subject) > maxSubject || strings.ContainsFunc(c.Subject, func(r rune) bool { return r < ' ' || r > '~' }) {
		return usageError{fmt.Errorf("--subject must be at most %d printable ASCII characters: copy it from the log", maxSubject)}
	}
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		person, err := ops.Candidate(ctx, c.User)
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("link user %s, %s of account %s, to the subject %q at %s, who can then sign in as this user",
			c.User, person.Role, person.AccountID, c.Subject, c.Issuer))
		if err != nil {
			return err
		}
		if err := ops.LinkSignIn(ctx, operatorCaller(), person, c.Issuer, c.Subject, reason); err != nil {
			return commandError(err)
		}
		result := map[string]any{"user_id": person.UserID, "role": person.Role, "issuer": c.Issuer, "subject": c.Subject}
		return say(s.Out, c.JSON, result, "The user is linked. The subject %q at %s now signs in as this user.\n", c.Subject, c.Issuer)
	})
}

type signInUnlinkCommand struct {
	installation
	actionFlags
	User string `required:"" type:"hexid" placeholder:"ID" help:"User id, 24 hex digits."`
}

func (c signInUnlinkCommand) Run(ctx context.Context, s streams) error {
	return c.withOperations(ctx, s, func(ops *operations.Service) error {
		issuers, err := ops.SignInLinkedTo(ctx, c.User)
		if err != nil {
			return commandError(err)
		}
		reason, err := c.confirm(s, fmt.Sprintf("remove the link between user %s and an account at %s, "+
			"and end the user's sessions", c.User, strings.Join(issuers, " and ")))
		if err != nil {
			return err
		}
		if err := ops.UnlinkSignIn(ctx, operatorCaller(), c.User, reason); err != nil {
			return commandError(err)
		}
		fmt.Fprintln(s.Out, "The link was removed. "+
			"The next sign-in with the user's verified email address links the user again.")
		return nil
	})
}
