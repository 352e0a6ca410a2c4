// A collector to hold our configuration against: core, queue on disk and health check are the real ones. What talks to AWS is stood in for,
// as its modules cannot be had where this was written: the two exporters know the settings that we use (from config.schema.yaml of awsemf and
// awsxray) and no others, as the real ones do, and hand what they get to $STAND_IN_URL.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/processor/processorhelper"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// emfConfig are settings of awsemf. A key that is not here is refused.
type emfConfig struct {
	Region     string `mapstructure:"region"`
	Namespace  string `mapstructure:"namespace"`
	Group      string `mapstructure:"log_group_name"`
	Stream     string `mapstructure:"log_stream_name"`
	Rollup     string `mapstructure:"dimension_rollup_option"`
	Conversion struct {
		Enabled bool `mapstructure:"enabled"`
	} `mapstructure:"resource_to_telemetry_conversion"`
	Declarations []struct {
		Dimensions [][]string `mapstructure:"dimensions"`
		Selectors  []string   `mapstructure:"metric_name_selectors"`
	} `mapstructure:"metric_declarations"`
}
type xrayConfig struct {
	Region  string   `mapstructure:"region"`
	Indexed []string `mapstructure:"indexed_attributes"`
}
type detectionConfig struct {
	Detectors []string `mapstructure:"detectors"`
	Timeout   string   `mapstructure:"timeout"`
	Override  bool     `mapstructure:"override"`
}

// post hands on what an exporter got. Whatever is not 200 is an outage: the batch is to be sent again.
func post(kind string, body []byte) error {
	response, err := http.Post(os.Getenv("STAND_IN_URL")+"/"+kind, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		return fmt.Errorf("%s: %d", kind, response.StatusCode)
	}
	return nil
}

func components() (otelcol.Factories, error) {
	var f otelcol.Factories
	var err error
	if f.Receivers, err = otelcol.MakeFactoryMap[receiver.Factory](otlpreceiver.NewFactory()); err != nil {
		return f, err
	}
	if f.Extensions, err = otelcol.MakeFactoryMap[extension.Factory](healthcheckextension.NewFactory(), filestorage.NewFactory()); err != nil {
		return f, err
	}
	detection := processor.NewFactory(component.MustNewType("resourcedetection"), func() component.Config { return &detectionConfig{} },
		processor.WithMetrics(func(ctx context.Context, set processor.Settings, c component.Config, next consumer.Metrics) (processor.Metrics, error) {
			return processorhelper.NewMetrics(ctx, set, c, next, func(_ context.Context, m pmetric.Metrics) (pmetric.Metrics, error) {
				for i := 0; i < m.ResourceMetrics().Len(); i++ {
					m.ResourceMetrics().At(i).Resource().Attributes().PutStr("aws.ecs.task.id", "stand-in")
				}
				return m, nil
			}, processorhelper.WithCapabilities(consumer.Capabilities{MutatesData: true}))
		}, component.StabilityLevelBeta),
		processor.WithTraces(func(ctx context.Context, set processor.Settings, c component.Config, next consumer.Traces) (processor.Traces, error) {
			return processorhelper.NewTraces(ctx, set, c, next, func(_ context.Context, t ptrace.Traces) (ptrace.Traces, error) { return t, nil })
		}, component.StabilityLevelBeta))
	if f.Processors, err = otelcol.MakeFactoryMap[processor.Factory](batchprocessor.NewFactory(), memorylimiterprocessor.NewFactory(), detection); err != nil {
		return f, err
	}
	emf := exporter.NewFactory(component.MustNewType("awsemf"), func() component.Config { return &emfConfig{} },
		exporter.WithMetrics(func(ctx context.Context, set exporter.Settings, c component.Config) (exporter.Metrics, error) {
			return exporterhelper.NewMetrics(ctx, set, c, func(_ context.Context, m pmetric.Metrics) error {
				body, _ := (&pmetric.JSONMarshaler{}).MarshalMetrics(m)
				return post("metrics", body)
			})
		}, component.StabilityLevelBeta))
	xray := exporter.NewFactory(component.MustNewType("awsxray"), func() component.Config { return &xrayConfig{} },
		exporter.WithTraces(func(ctx context.Context, set exporter.Settings, c component.Config) (exporter.Traces, error) {
			return exporterhelper.NewTraces(ctx, set, c, func(_ context.Context, t ptrace.Traces) error {
				body, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(t)
				return post("traces", body)
			})
		}, component.StabilityLevelBeta))
	f.Telemetry = otelconftelemetry.NewFactory()
	f.Exporters, err = otelcol.MakeFactoryMap[exporter.Factory](otlpexporter.NewFactory(), emf, xray)
	return f, err
}

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Version: "stand-in"},
		Factories: components,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{envprovider.NewFactory(), yamlprovider.NewFactory()},
			DefaultScheme:     "env",
		}},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}
