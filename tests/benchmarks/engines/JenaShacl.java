import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.jena.graph.Graph;
import org.apache.jena.graph.Node;
import org.apache.jena.riot.RDFDataMgr;
import org.apache.jena.riot.out.NodeFmtLib;
import org.apache.jena.shacl.ShaclValidator;
import org.apache.jena.shacl.Shapes;
import org.apache.jena.shacl.ValidationReport;

/** Apache Jena SHACL. What it is started with and what it writes: see child.py. */
public final class JenaShacl {
    public static void main(String[] arguments) throws Exception {
        Path out = Path.of(arguments[1]);
        try (PrintWriter log = writer(out.resolve("log"), true);
                PrintWriter results = writer(out.resolve("results"), false)) {
            long begin = System.nanoTime();
            Graph data = RDFDataMgr.loadGraph(arguments[0]);
            log.printf("loaded\t%.6f%n", since(begin));
            for (String line : Files.readAllLines(Path.of(arguments[2]))) {
                String[] unit = line.split("\t");
                log.printf("begin\t%s%n", unit[0]);
                try {
                    begin = System.nanoTime();
                    Shapes shapes = Shapes.parse(RDFDataMgr.loadGraph(unit[1]));
                    ValidationReport report = ShaclValidator.get().validate(shapes, data);
                    double seconds = since(begin);
                    report.getEntries().forEach(entry -> results.printf("%s\t%s\t%s\t%s%n",
                        unit[0], text(entry.source()), text(entry.focusNode()), text(entry.value())));
                    results.flush();
                    log.printf("ran\t%s\t%.6f%n", unit[0], seconds);
                } catch (Exception | StackOverflowError error) {
                    log.printf("failed\t%s\t%s%n", unit[0], String.valueOf(error).replaceAll("\\s+", " "));
                }
            }
            log.println("end");
        }
    }

    private static PrintWriter writer(Path file, boolean eager) throws Exception {
        return new PrintWriter(Files.newBufferedWriter(file, StandardCharsets.UTF_8), eager);
    }

    private static double since(long begin) {
        return (System.nanoTime() - begin) / 1e9;
    }

    private static String text(Node node) {
        if (node == null) {
            return "";
        }
        String string = "^^<http://www.w3.org/2001/XMLSchema#string>";
        String text = NodeFmtLib.strNT(node);
        return text.endsWith(string) ? text.substring(0, text.length() - string.length()) : text;
    }
}
