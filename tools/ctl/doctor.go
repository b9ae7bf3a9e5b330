package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"pairmq/daemon/config"
	"pairmq/internal/remoting"
	"pairmq/tools/ctl/doctor"
)

// errSick is the cause when the doctor has found something wrong.
var errSick = errors.New("something is wrong with this machine, see above")

const doctorHelp = `Examines this machine, whether the daemon runs or not: configuration, the store's
folder, mount options, flash, room, clock, memory, ports, addresses, name servers, and
the other half of a pair. Of what is wrong it says what to do. It changes nothing.

The exit code is 1 if something is wrong; warnings leave it 0. As root it sees most.`

func newDoctor(e *env) *cobra.Command {
	o := doctor.Options{}
	cmd := &cobra.Command{Use: "doctor", Short: "Examine this machine, and say what to do", Long: doctorHelp, Args: cobra.NoArgs}
	cmd.Flags().StringVarP(&o.Config, "config", "c", defaultConfig, "the daemon's configuration; conf.d/*.conf beside it are read as well")
	cmd.Flags().StringArrayVar(&o.Settings, "set", nil, "key=value, as the daemon has --key=value on its command line")
	cmd.RunE = doesHere(func(ctx context.Context, _ []string) error {
		all := e.examine(ctx, o)
		if err := e.printChecks(all); err != nil {
			return err
		}
		if doctor.Worst(all) == doctor.Wrong {
			return errSick
		}
		return nil
	})
	return cmd
}

// examine has the doctor look.
func (e *env) examine(ctx context.Context, o doctor.Options) []doctor.Check {
	cfg, _, _ := config.Load(o.Config, o.Settings) // the doctor says what is wrong with it
	others, err := e.asConfigured(&cfg).secure()
	own, ownErr := e.asItself(&cfg).secure()
	sign, signErr := e.asAccount(&cfg).sign()
	options := remoting.ClientOptions{DialTimeout: e.timeout, Limits: remoting.Limits{CallTime: e.timeout}, TLS: others, Sign: sign}
	o.Client = remoting.NewClient(options)
	defer o.Client.Close()
	options.TLS = own
	o.Own = remoting.NewClient(options)
	defer o.Own.Close()
	all := doctor.Examine(ctx, o)
	if err = cmp.Or(err, ownErr); err != nil {
		all = append(all, doctor.Check{Name: "TLS", Verdict: doctor.Warning, Found: "servers are asked in plain text: " + inWords(err), Do: "as root, or with --tls-ca, the doctor sees more"})
	}
	if signErr != nil {
		all = append(all, doctor.Check{Name: "account", Verdict: doctor.Warning, Found: "what is asked is not signed: " + inWords(signErr), Do: "as root, or with --account, the doctor sees more"})
	}
	return all
}

func (e *env) printChecks(all []doctor.Check) error {
	if e.json {
		return e.printJSON(all)
	}
	for _, c := range all {
		verdict := string(c.Verdict)
		if c.Verdict != doctor.OK {
			verdict = strings.ToUpper(verdict)
		}
		if _, err := fmt.Fprintf(e.out, "%-7s  %s: %s\n", verdict, safe(c.Name), safe(c.Found)); err != nil {
			return err
		}
		if c.Do != "" {
			if _, err := fmt.Fprintf(e.out, "         do: %s\n", safe(c.Do)); err != nil {
				return err
			}
		}
	}
	return nil
}
