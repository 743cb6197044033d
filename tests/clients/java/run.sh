# Jackson and the annotations lie in the generator's own jar, and standin/ stands in for jackson-databind-nullable.
jar=node_modules/@openapitools/openapi-generator-cli/bin/openapi-generator.jar
find Main.java generated/src/main standin -name '*.java' >sources
javac -encoding UTF-8 -d classes -cp "$jar" @sources
java -Dfile.encoding=UTF-8 -cp "classes:$jar" Main
