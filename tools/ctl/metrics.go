package main

import (
	"context"

	"github.com/spf13/cobra"

	"pairmq/internal/remoting"
)

const metricsHelp = `Prints the metrics of one broker as Prometheus reads them, also where the
broker does not show them over HTTP. Only pairmqd has them.`

func newMetrics(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "metrics --broker ADDR", Short: "Print a broker's metrics for Prometheus", Long: metricsHelp, Args: cobra.NoArgs}
	cmd.RunE = e.does(func(ctx context.Context, s *session, _ []string) error {
		if s.broker == "" {
			return usage("metrics are one broker's: --broker ADDR says whose")
		}
		resp, err := s.call(ctx, s.broker, &remoting.Command{Code: remoting.ReqGetMetrics})
		if err != nil {
			return err
		}
		if e.json {
			return e.printJSON(struct {
				Text string `json:"text"`
			}{string(resp.Body)})
		}
		_, err = e.out.Write(resp.Body)
		return err
	})
	return cmd
}
