package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ledgerboard/ledgerboard/internal/proof"
)

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
